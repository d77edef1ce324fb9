import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadQuicBinding } from '../../../runtime/swarm/transport/libp2p/quic/binding.ts'
import type { Transport } from '../../../runtime/swarm/transport/transport.ts'
import { libp2pFixture } from './libp2p-fixture.ts'

const test = suite('QUIC handshakes')
const fixture = libp2pFixture({ carriers: ['quic'] })

test('64 handshakes that never end do not stall an honest dial', async () => {
  const [server, honest] = await Promise.all([fixture.create(), fixture.create()])
  server.handle('/t', async (stream) => stream.write([Uint8Array.of(1)]))
  await Promise.all([server.start(), honest.start()])
  const attack = await halfHandshakes(64, Number(/udp\/(\d+)/.exec(server.addresses()[0] ?? '')?.[1]))
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

/** Dials through a proxy that lets only the first datagram of each connection pass: the server waits for the rest. */
async function halfHandshakes(count: number, port: number): Promise<{ stop(): void }> {
  const loaded = loadQuicBinding()
  assert.ok('binding' in loaded)
  const { Client, QuinnConfig } = loaded.binding
  const upstream = await bind()
  const proxy = await bind()
  const seen = new Set<string>()
  const forwarded = Promise.withResolvers<void>()
  proxy.on('message', (datagram) => {
    const connectionId = datagram.toString('hex', 6, 6 + (datagram[5] ?? 0)) // RFC 9000 section 17.2
    if (seen.has(connectionId)) return
    seen.add(connectionId)
    upstream.send(datagram, port, '127.0.0.1')
    if (seen.size === count) forwarded.resolve()
  })
  const client = new Client(
    new QuinnConfig({
      privateKeyProto: privateKeyToProtobuf(await generateKeyPair('Ed25519')),
      handshakeTimeout: 5_000,
      maxIdleTimeout: 15_000,
      keepAliveInterval: 5_000,
      maxConcurrentStreamLimit: 8,
      maxStreamData: 1_000_000,
      maxConnectionData: 1_000_000,
      receiveBufferSize: 500_000,
      sendBufferSize: 500_000,
      shutdownTimeout: 100,
    }),
    0,
  )
  for (let i = 0; i < count; i++) client.outboundConnection('127.0.0.1', proxy.address().port).catch(() => {})
  await forwarded.promise
  return {
    stop() {
      client.abort()
      proxy.close()
      upstream.close()
    },
  }
}

async function bind(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

test.run()
