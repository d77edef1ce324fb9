import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLogger } from '../../../runtime/base/index.ts'
import type { DiscoveryHost } from '../../../runtime/swarm/discovery/discovery.ts'
import { mdnsDiscovery } from '../../../runtime/swarm/discovery/mdns.ts'
import { skip } from '../../support/skip.ts'

const test = suite('mDNS discovery')
const A = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
const B = '12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq'
const port = 40_000 + (process.pid % 20_000)

test('two nodes of one machine find each other, whatever network is up', async () => {
  const found = new Map<string, readonly string[]>()
  const host = (peer: string): DiscoveryHost => ({
    peer,
    addresses: () => [`/ip4/127.0.0.1/udp/4001/quic-v1/p2p/${peer}`, `/ip4/127.0.0.1/tcp/4001/p2p/${peer}`],
    onPeer: (other, addresses) => found.set(`${peer} found ${other}`, addresses),
  })
  const nodes = [A, B].map(() => mdnsDiscovery({ logger: silentLogger, intervalMs: 200, port }))
  await Promise.all([nodes[0]!.start(host(A)), nodes[1]!.start(host(B))])
  for (let i = 0; i < 30 && found.size < 2; i++) await pause(100)
  await Promise.all(nodes.map((each) => each.stop()))
  if (found.size === 0 && !(await carriesMulticast())) return skip('no network here carries multicast')
  assert.equal([...found.keys()].sort(), [`${A} found ${B}`, `${B} found ${A}`].sort())
  assert.equal(found.get(`${A} found ${B}`), [
    `/ip4/127.0.0.1/udp/4001/quic-v1/p2p/${B}`,
    `/ip4/127.0.0.1/tcp/4001/p2p/${B}`,
  ])
})

async function carriesMulticast(): Promise<boolean> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  try {
    socket.bind(port)
    await once(socket, 'listening')
    socket.addMembership('224.0.0.251', '127.0.0.1')
    socket.setMulticastInterface('127.0.0.1')
    const heard = once(socket, 'message', { signal: AbortSignal.timeout(500) })
    socket.send('anybody?', port, '224.0.0.251')
    await heard
    return true
  } catch {
    return false
  } finally {
    socket.close()
  }
}

test.run()
