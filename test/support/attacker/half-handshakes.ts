import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { loadQuicBinding } from '../../../runtime/swarm/transport/libp2p/quic/binding.ts'
import type { Target } from './knock.ts'

/** Handshakes that never end; `stop` forgets them on this side. */
export interface HalfHandshakes {
  stop(): void
}

/** Dials through a proxy that lets only the first datagram of each connection pass: the server waits for the rest. */
export async function openHalfHandshakes(count: number, port: number): Promise<HalfHandshakes> {
  const loaded = loadQuicBinding()
  if (!('binding' in loaded)) throw new Error(loaded.reason)
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

/** Opens half handshakes and keeps them for a while. */
export async function halfHandshakes(
  { addresses }: Target,
  { count, keepMs }: { count: number; keepMs: number },
): Promise<object> {
  const half = await openHalfHandshakes(count, Number(/udp\/(\d+)/.exec(addresses.join())?.[1]))
  setTimeout(() => half.stop(), keepMs)
  return { count }
}

async function bind(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}
