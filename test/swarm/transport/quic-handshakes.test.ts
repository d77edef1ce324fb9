import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Transport } from '../../../runtime/swarm/transport/transport.ts'
import { openHalfHandshakes } from '../../support/attacker/half-handshakes.ts'
import { libp2pFixture } from './libp2p-fixture.ts'

const test = suite('QUIC handshakes')
const fixture = libp2pFixture({ carriers: ['quic'] })

test('500 handshakes that never end do not stall an honest dial', async () => {
  const [server, honest] = await Promise.all([fixture.create(), fixture.create()])
  server.handle('/t', async (stream) => stream.write([Uint8Array.of(1)]))
  await Promise.all([server.start(), honest.start()])
  const attack = await openHalfHandshakes(500, Number(/udp\/(\d+)/.exec(server.addresses()[0] ?? '')?.[1]))
  try {
    // It would wait for the idle timeout of the others, 15 s.
    const signal = AbortSignal.timeout(8_000)
    await honest.connect(server.addresses(), { signal })
    const stream = await honest.open(server.peer, '/t', { signal }) // the dialler alone may think it is connected
    assert.ok(await stream.read({ signal }))
  } finally {
    attack.stop()
    await Promise.all([server.stop(), honest.stop()])
  }
})

test('30 nodes of one host connect to one at once', async () => {
  const nodes = await Promise.all(Array.from({ length: 31 }, () => fixture.create()))
  await Promise.all(nodes.map((node) => node.start()))
  const [hub, ...others] = nodes
  assert.ok(hub)
  hub.handle('/t', async (stream) => stream.write([Uint8Array.of(1)]))
  const talk = async (node: Transport): Promise<void> => {
    await node.connect(hub.addresses())
    assert.ok(await (await node.open(hub.peer, '/t')).read())
  }
  await Promise.all(others.map(talk))
  assert.is(hub.connections().length, 30)
  await Promise.all(nodes.map((node) => node.stop()))
})

test.run()
