import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { loadQuicBinding } from '../../../runtime/swarm/transport/libp2p/quic/binding.ts'
import type { Target } from './knock.ts'

/** Handshakes that never end; `stop` forgets them on this side. */
export interface HalfHandshakes {
  stop(): void
}

/** Handshakes that are begun before the proxy has seen the ones before. */
const AHEAD = 16
const RETRY_MS = 200

/** Dials through a proxy that lets only the first datagram of each connection pass: the server waits for the rest. */
export async function openHalfHandshakes(count: number, port: number): Promise<HalfHandshakes> {
  const loaded = loadQuicBinding()
  if (!('binding' in loaded)) throw new Error(loaded.reason)
  const { Client, QuinnConfig } = loaded.binding
  const upstream = await bind()
  const proxy = await bind()
  const seen = new Set<string>()
  let wake = (): void => {}
  proxy.on('message', (datagram) => {
    const connectionId = datagram.toString('hex', 6, 6 + (datagram[5] ?? 0)) // RFC 9000 section 17.2
    if (seen.has(connectionId)) return
    seen.add(connectionId)
    upstream.send(datagram, port, '127.0.0.1')
    wake()
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
  for (let begun = 0; seen.size < count; ) {
    // A few at a time: what a full socket buffer drops comes again only after a second, and some of it never.
    if (begun - seen.size < AHEAD) {
      begun++
      client.outboundConnection('127.0.0.1', proxy.address().port).catch(() => begun--)
    } else
      await new Promise<void>((resolve) => {
        wake = resolve
        setTimeout(resolve, RETRY_MS)
      })
  }
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
