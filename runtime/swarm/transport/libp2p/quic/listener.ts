import {
  type ComponentLogger,
  type CreateListenerOptions,
  type Listener,
  type ListenerEvents,
  setMaxListeners,
  TypedEventEmitter,
} from '@libp2p/interface'
import { getThinWaistAddresses } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import { limit } from '../../../../base/index.ts'
import type { ConnectionGuard } from '../guard.ts'
import type { NativeServer } from './binding.ts'
import { QuicConnection } from './connection.ts'
import { upgradeOf } from './muxer.ts'

/** Opens a listening socket; port 0 is any free one. */
export type OpenServer = (ip: string, port: number) => NativeServer

/** A QUIC listener as libp2p sees it. */
export class QuicListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #open: OpenServer
  readonly #upgrader: CreateListenerOptions['upgrader']
  readonly #guard: ConnectionGuard
  readonly #logger: ComponentLogger
  readonly #stop = new AbortController()
  readonly #connections = new Set<QuicConnection>()
  #server: NativeServer | undefined
  #listening: Multiaddr | undefined

  constructor(
    open: OpenServer,
    upgrader: CreateListenerOptions['upgrader'],
    guard: ConnectionGuard,
    logger: ComponentLogger,
  ) {
    super()
    this.#open = open
    this.#upgrader = upgrader
    this.#guard = guard
    this.#logger = logger
    setMaxListeners(Number.POSITIVE_INFINITY, this.#stop.signal)
  }

  async listen(address: Multiaddr): Promise<void> {
    const { host, port } = hostAndPort(address)
    this.#server = this.#open(host, port)
    this.#listening = address
    // One native accept waits for a whole handshake, so a single loop would be stalled by one that never ends.
    for (let i = 0; i < limit('handshakes'); i++) void this.#accept(this.#server)
    this.safeDispatchEvent('listening')
  }

  async #accept(server: NativeServer): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        const native = await server.inboundConnection()
        const connection = new QuicConnection(native, 'inbound', this.#guard, this.#logger)
        // Refused here it counts against no limit of libp2p's, which goes by address and would hit its neighbours.
        const isAdmitted = this.#guard.admits(connection.remotePeer.toString(), connection.remoteAddr.toString())
        if (isAdmitted) void this.#upgrade(connection)
        else connection.abort(new Error('the gate is closed to this peer'))
      } catch (error) {
        if (/closed/.test((error as Error).message)) return
        // else one handshake failed, which is its peer's business
      }
    }
  }

  async #upgrade(connection: QuicConnection): Promise<void> {
    this.#connections.add(connection)
    connection.addEventListener('close', () => this.#connections.delete(connection), { once: true })
    try {
      await this.#upgrader.upgradeInbound(connection, { ...upgradeOf(connection), signal: this.#stop.signal })
    } catch (error) {
      connection.abort(error as Error)
    }
  }

  getAddrs(): Multiaddr[] {
    if (!this.#server) return []
    const reachable = getThinWaistAddresses(this.#listening, this.#server.port()) // 0.0.0.0 as what it stands for
    return reachable.map((address) => address.encapsulate('/quic-v1'))
  }

  updateAnnounceAddrs(): void {}

  async close(): Promise<void> {
    this.#stop.abort()
    for (const connection of this.#connections) connection.abort(new Error('the listener closed'))
    await this.#server?.abort()
    this.#server = undefined
    this.safeDispatchEvent('close')
  }
}

/** `/ip4/1.2.3.4/udp/4001/...` as its parts. */
export function hostAndPort(address: Multiaddr): { family: string; host: string; port: number } {
  const [host, port] = address.getComponents()
  return { family: host?.name ?? '', host: host?.value ?? '', port: Number(port?.value) }
}
