/** The real machine: sockets, files, an engine child, and a node that is dialled. */
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError, silentLogger, systemClock, toAividaError } from '../../../runtime/base/index.ts'
import { initCluster } from '../../../runtime/node/cluster/joining.ts'
import { dataFolder } from '../../../runtime/node/data-folder.ts'
import { systemMachine } from '../../../runtime/node/doctor/index.ts'
import { libp2pTransport } from '../../../runtime/swarm/transport/libp2p/index.ts'
import { skip } from '../../support/skip.ts'

const test = suite('system machine')
const machine = systemMachine(systemClock)
const { signal } = new AbortController()
const root = mkdtempSync(join(tmpdir(), 'aivida-doctor-'))
const alive = setInterval(() => {}, 1_000) // the machine's clock does not keep the process
test.after(() => {
  clearInterval(alive)
  rmSync(root, { recursive: true, force: true })
})

test('a port that is taken is refused, and its holder named', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const address = { protocol: 'tcp', host: '127.0.0.1', port } as const
  const code = await machine.bind(address).then(
    () => undefined,
    (error) => error.code,
  )
  assert.is(code, 'EADDRINUSE')
  if (process.platform === 'linux') assert.match(machine.holder(address) ?? '', `(pid ${process.pid})`)
  else skip('programs behind ports are told on Linux alone')
  await new Promise((resolve) => server.close(resolve))
  await machine.bind(address)
  await machine.bind({ protocol: 'udp', host: '127.0.0.1', port: 0 })
})

test('a datagram comes back over loopback', async () => {
  await machine.echoUdp('127.0.0.1', signal)
})

test('a node is reached over QUIC and over TCP, and one that is gone is not', async () => {
  const listen = ['/ip4/127.0.0.1/udp/0/quic-v1', '/ip4/127.0.0.1/tcp/0']
  const node = await libp2pTransport({ seed: new Uint8Array(32).fill(5), listen, logger: silentLogger })
  await node.start()
  const [quic, tcp] = ['/quic-v1', '/tcp/'].map((part) => node.addresses().filter((address) => address.includes(part)))
  await machine.dial(quic!, 'quic', signal)
  await machine.dial(tcp!, 'tcp', signal)
  await node.stop()
  const failure = await machine.dial(tcp!, 'tcp', signal).catch((error) => error)
  assert.ok(isAividaError(failure, 'peer.unreachable'), String(failure))
})

test('a trial of the disk leaves nothing behind, and goes where a folder would be made', async () => {
  const { syncMs, skewMs } = await machine.trialWrite(join(root, 'not', 'yet'))
  assert.ok(syncMs >= 0 && Math.abs(skewMs) < 60_000)
  assert.equal(readdirSync(root), [])
  assert.ok((await machine.fileSystem(root)).freeBytes > 0)
  writeFileSync(join(root, 'file'), '')
  const refused = toAividaError(await machine.trialWrite(join(root, 'file', 'below')).catch((error) => error))
  assert.is(refused.code, 'system.not-a-folder')
})

test('the place in a cluster is read, and nothing is written for it', async () => {
  const folder = dataFolder(join(root, 'node'))
  mkdirSync(folder.root)
  assert.is((await systemMachine(systemClock).standing(folder)).cluster, undefined)
  assert.equal(readdirSync(folder.root), [])
  await initCluster({ folder, clock: systemClock, logger: silentLogger }, { name: 'lab' })
  const { cluster, refusal, others, ownAccount } = await systemMachine(systemClock).standing(folder)
  assert.equal([cluster?.name, refusal, others], ['lab', undefined, 0])
  assert.match(ownAccount ?? '', /^ac_/)
})

test('an engine child runs a graph', async () => {
  const { name, version } = await machine.tryEngine(signal)
  assert.is(`${name} ${version}`, `ort ${machine.packageVersion('onnxruntime-node')}`)
})

test('packages and sockets are told for what they are', async () => {
  assert.is(machine.packageVersion('no-such-package'), undefined)
  assert.is(await machine.kindOf(join(root, 'file')), 'other')
  assert.is(await machine.kindOf(join(root, 'nothing')), 'nothing')
  const failure = await machine.nodeInfo(join(root, 'none.sock'), signal).catch((error) => error)
  assert.ok(isAividaError(failure, 'node.not-running'))
})

test.run()
