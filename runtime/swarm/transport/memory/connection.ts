import { streamLost } from '../failures.ts'
import type { PeerConnection, PeerId } from '../transport.ts'
import type { Route } from './route.ts'
import { MemoryStream } from './stream.ts'

/** What a connection end is made from. */
export interface MemoryConnectionInit {
  readonly peer: PeerId
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  /** Leads to the peer. */
  readonly route: Route
  readonly windowBytes: number
  closed(connection: MemoryConnection): void
}

/** One end of a connection in memory. */
export class MemoryConnection implements PeerConnection {
  readonly carrier = 'memory'
  readonly peer: PeerId
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  readonly streams = new Set<MemoryStream>()
  readonly route: Route
  other: MemoryConnection | undefined
  readonly #gone = new AbortController()
  readonly #init: MemoryConnectionInit

  constructor(init: MemoryConnectionInit) {
    this.peer = init.peer
    this.address = init.address
    this.direction = init.direction
    this.route = init.route
    this.#init = init
  }

  /** Fires when this side ends. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  get isOpen(): boolean {
    return !this.gone.aborted
  }

  stream(protocol: string, direction: 'inbound' | 'outbound'): MemoryStream {
    const { peer, route } = this
    const { windowBytes } = this.#init
    const closed = (stream: MemoryStream) => this.streams.delete(stream)
    const stream = new MemoryStream({ peer, protocol, direction, route, windowBytes, closed })
    this.streams.add(stream)
    return stream
  }

  /** Ends this side and tells the other one, which hears of it when the route lets it. */
  close(): void {
    if (!this.isOpen) return
    this.lose()
    this.route.send(() => this.other?.lose(), this) // overtakes what its streams have underway
  }

  /** Ends this side alone, as when the peer is silent for too long. */
  lose(): void {
    if (!this.isOpen) return
    this.#gone.abort()
    for (const stream of this.streams) stream.lose(streamLost())
    this.streams.clear()
    this.#init.closed(this)
  }
}
