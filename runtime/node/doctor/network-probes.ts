import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type Clock, silentLogger, systemRandom, timedOut, timeLimit } from '../../base/index.ts'
import { type LibP2PCarrier, libp2pTransport } from '../../swarm/transport/libp2p/index.ts'
import type { PortAddress } from './machine.ts'

/** A datagram to oneself takes a fraction of a millisecond; it is sent again because a busy machine may drop one. */
const ECHO_MS = 1_000
const ECHO_AGAIN_MS = 200
/** A handshake over a bad link takes a second or two. */
const DIAL_MS = 4_000

/** Listens for a moment. Throws the system's error. */
export async function bindOnce({ protocol, host, port }: PortAddress): Promise<void> {
  if (protocol === 'tcp') {
    const server = createServer().listen({ host, port, exclusive: true })
    await once(server, 'listening')
    await new Promise((resolve) => server.close(resolve))
    return
  }
  const socket = socketFor(host)
  try {
    socket.bind({ port, address: host, exclusive: true })
    await once(socket, 'listening')
  } finally {
    socket.close()
  }
}

/** Sends a datagram to itself at `host` and waits for it. Throws `timeout`, and the system's errors. */
export async function echoUdp(clock: Clock, host: string, signal: AbortSignal): Promise<void> {
  const limited = timeLimit(clock, ECHO_MS, signal)
  const socket = socketFor(host)
  const sent = Buffer.from(systemRandom.bytes(16))
  try {
    socket.bind(0, host)
    await once(socket, 'listening', { signal: limited.signal })
    const { port } = socket.address()
    const send = () => socket.send(sent, port, host)
    send()
    const again = setInterval(send, ECHO_AGAIN_MS)
    try {
      for (;;) {
        const [came] = await once(socket, 'message', { signal: limited.signal })
        if (sent.equals(came)) return
      }
    } finally {
      clearInterval(again)
    }
  } catch (error) {
    throw limited.signal.aborted ? timedOut('a datagram to this machine itself', ECHO_MS) : error
  } finally {
    limited.clear()
    socket.close()
  }
}

/** Connects by one carrier, under a key made for it alone, and hangs up. Throws `peer.*`, `timeout`. */
export async function dialOnce(
  clock: Clock,
  addresses: readonly string[],
  carrier: LibP2PCarrier,
  signal: AbortSignal,
): Promise<void> {
  const seed = systemRandom.bytes(32)
  const limited = timeLimit(clock, DIAL_MS, signal)
  const transport = await libp2pTransport({ seed, listen: [], logger: silentLogger, clock, carriers: [carrier] })
  await transport.start()
  try {
    await transport.connect(addresses, { signal: limited.signal })
  } catch (error) {
    throw limited.signal.aborted ? timedOut('its answer', DIAL_MS) : error
  } finally {
    limited.clear()
    await transport.stop()
  }
}

/** An address of this machine that others could use: IPv4 first. */
export function ownAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((found) => found ?? [])
  const outer = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
  return (outer.find(({ family }) => family === 'IPv4') ?? outer[0])?.address
}

function socketFor(host: string): Socket {
  return createSocket(host.includes(':') ? 'udp6' : 'udp4')
}
