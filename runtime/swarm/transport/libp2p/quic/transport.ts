import { lookup } from 'node:dns/promises'
import { privateKeyToProtobuf } from '@libp2p/crypto/keys'
import {
  type ComponentLogger,
  type Connection,
  type CreateListenerOptions,
  type DialTransportOptions,
  type PrivateKey,
  serviceCapabilities,
  type Transport,
  transportSymbol,
} from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { QUIC_V1 } from '@multiformats/multiaddr-matcher'
import { abortable, limit } from '../../../../base/index.ts'
import { mismatch } from '../../failures.ts'
import type { ConnectionGuard } from '../guard.ts'
import type { NativeClient, NativeConfig, QuicBinding } from './binding.ts'
import { QuicConnection } from './connection.ts'
import { hostAndPort, QuicListener } from './listener.ts'
import { upgradeOf } from './muxer.ts'

interface Components {
  readonly privateKey: PrivateKey
  readonly logger: ComponentLogger
}

/**
 * QUIC as a libp2p transport: a layer of our own over the native binding, because the one that comes with it reads
 * 4 KiB at a time, has no back-pressure, takes a reset for a clean end, and accepts one handshake at a time.
 */
export function quic(binding: QuicBinding, guard: ConnectionGuard): (components: Components) => Transport {
  return (components) => new QuicTransport(binding, guard, components)
}

/** How the native binding is set up: times in milliseconds, windows in bytes. */
export function nativeOptions(privateKey: PrivateKey): object {
  return {
    privateKeyProto: privateKeyToProtobuf(privateKey),
    handshakeTimeout: limit('dialMs'),
    maxIdleTimeout: limit('lostAfterMs'),
    keepAliveInterval: Math.floor(limit('lostAfterMs') / 3),
    maxConcurrentStreamLimit: 2 * limit('streamsPerPeer'), // the rest is refused by name, not left waiting
    maxStreamData: limit('streamWindowBytes'),
    maxConnectionData: limit('connectionWindowBytes'),
    receiveBufferSize: SOCKET_BUFFER_BYTES,
    sendBufferSize: SOCKET_BUFFER_BYTES,
    shutdownTimeout: SHUTDOWN_MS,
  }
}

class QuicTransport implements Transport {
  readonly [Symbol.toStringTag] = 'aivida-quic'
  readonly [transportSymbol] = true
  readonly [serviceCapabilities] = ['@libp2p/transport']
  readonly #binding: QuicBinding
  readonly #guard: ConnectionGuard
  readonly #config: NativeConfig
  readonly #logger: ComponentLogger
  readonly #clients = new Map<0 | 1, NativeClient>()

  constructor(binding: QuicBinding, guard: ConnectionGuard, components: Components) {
    this.#binding = binding
    this.#guard = guard
    this.#logger = components.logger
    this.#config = new binding.QuinnConfig(nativeOptions(components.privateKey))
  }

  listenFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter((address) => QUIC_V1.exactMatch(address))
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return this.listenFilter(addresses)
  }

  createListener(options: CreateListenerOptions): QuicListener {
    const open = (ip: string, port: number) => new this.#binding.Server(this.#config, ip, port)
    return new QuicListener(open, options.upgrader, this.#guard, this.#logger)
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const { family, host, port } = hostAndPort(address)
    const ip = family.startsWith('dns')
      ? await resolve(family, host)
      : { address: host, family: family === 'ip6' ? 6 : 4 }
    const dialling = this.#client(ip.family === 6 ? 1 : 0).outboundConnection(ip.address, port)
    const native = await abortable(dialling, options.signal).catch((error) => {
      dialling.then(
        (late) => late.abort(),
        () => {},
      )
      throw error
    })
    const connection = new QuicConnection(native, 'outbound', this.#guard, this.#logger)
    try {
      const expected = address.getComponents().find((part) => part.name === 'p2p')?.value
      const found = connection.remotePeer.toString()
      if (expected !== undefined && expected !== found) throw mismatch(expected, found)
      return await options.upgrader.upgradeOutbound(connection, { ...upgradeOf(connection), signal: options.signal })
    } catch (error) {
      connection.abort(error as Error)
      throw error
    }
  }

  #client(family: 0 | 1): NativeClient {
    const client = this.#clients.get(family) ?? new this.#binding.Client(this.#config, family)
    this.#clients.set(family, client)
    return client
  }

  async start(): Promise<void> {} // sockets open when first dialled; libp2p stops only what it can start

  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.abort()
    this.#clients.clear()
  }
}

async function resolve(kind: string, host: string): Promise<{ address: string; family: number }> {
  return lookup(host, { family: kind === 'dns4' ? 4 : kind === 'dns6' ? 6 : 0 })
}

const SOCKET_BUFFER_BYTES = 512 * 1024
const SHUTDOWN_MS = 3_000
