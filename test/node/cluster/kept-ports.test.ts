import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Logger, silentLogger } from '../../../runtime/base/index.ts'
import { keptPorts } from '../../../runtime/node/cluster/kept-ports.ts'
import { libp2pTransport } from '../../../runtime/swarm/transport/libp2p/index.ts'
import type { Transport } from '../../../runtime/swarm/transport/transport.ts'

const LISTEN = ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/udp/0/quic-v1']

async function scratch() {
  const folder = await mkdtemp(join(tmpdir(), 'aivida-'))
  const warnings: object[] = []
  const logger: Logger = { ...silentLogger, warn: (fields) => warnings.push(fields) }
  return {
    file: join(folder, 'ports.json'),
    warnings,
    /** A node as a new process would start it. */
    async start(listen: readonly string[] = LISTEN): Promise<Transport> {
      const ports = await keptPorts(join(folder, 'ports.json'), logger)
      const transport = await libp2pTransport({ seed: randomBytes(32), listen, ports, logger })
      await transport.start()
      return transport
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

const addressesOf = (transport: Transport) => transport.addresses().map((address) => address.replace(/\/p2p\/.*/, ''))

test('a node that starts again listens where it listened, whatever it was told in between', async () => {
  await using disk = await scratch()
  const first = await disk.start()
  const addresses = addressesOf(first)
  await first.stop()
  await (await disk.start([])).stop()
  const second = await disk.start()
  const again = addressesOf(second)
  await second.stop()
  assert.is(addresses.length, 2)
  assert.equal(again, addresses)
  assert.equal(disk.warnings, [])
})

test('a kept port that is taken is replaced by a new one, which is said and kept; the others stay', async () => {
  await using disk = await scratch()
  const first = await disk.start()
  const before = addressesOf(first)
  await first.stop()
  const taken = before.find((address) => address.startsWith('/ip4/127.0.0.1/tcp/'))!
  const thief = await libp2pTransport({ seed: randomBytes(32), listen: [taken], logger: silentLogger })
  await thief.start()
  const second = await disk.start()
  const after = addressesOf(second)
  await second.stop()
  await thief.stop()
  assert.equal(
    before.filter((address) => !after.includes(address)),
    [taken],
  )
  assert.is(disk.warnings.length, 1)
  assert.match(JSON.stringify(disk.warnings), taken)
  const third = await disk.start()
  assert.equal(addressesOf(third), after)
  await third.stop()
})

test('a port that was asked for by number is no hint: taken, it is an error', async () => {
  await using disk = await scratch()
  const first = await disk.start()
  const error = await disk.start([addressesOf(first)[0]!]).catch((error) => error)
  await first.stop()
  assert.is(error.code, 'transport.listen')
  assert.equal(disk.warnings, [])
})

test('a file of ports that makes no sense is as none', async () => {
  await using disk = await scratch()
  for (const text of ['', '[]', '{"v":2,"ports":{}}', `{"v":1,"ports":{"${LISTEN[0]}":99999}}`]) {
    await writeFile(disk.file, text)
    assert.is((await keptPorts(disk.file, silentLogger)).portOf(LISTEN[0]!), undefined)
  }
  await (await disk.start()).stop()
  assert.is(Object.keys(JSON.parse(await readFile(disk.file, 'utf8')).ports).length, 2)
})

test.run()
