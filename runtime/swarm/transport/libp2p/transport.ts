import type { Connection, Stream } from '@libp2p/interface'
import {
  AividaError,
  aborted,
  type Clock,
  type Logger,
  limit,
  type TimeLimit,
  timedOut,
  timeLimit,
  toAividaError,
  userError,
} from '../../../base/index.ts'
import { hasty, noProtocol, notConnected, peerBusy, refused, streamLost, streamReset } from '../failures.ts'
import type {
  ByteStream,
  ConnectOptions,
  Gate,
  PeerConnection,
  PeerId,
  StreamHandler,
  StreamOptions,
  Transport,
  TransportEvents,
} from '../transport.ts'
import { LibP2PByteStream } from './byte-stream.ts'
import { ConnectionTable, describe } from './connections.ts'
import { dialFirst, type LibP2PCarrier, parseAddresses, peerIn } from './dial.ts'
import type { ConnectionGuard } from './guard.ts'
import { atKeptPort, givenPorts, type KeptPorts, listenFailures } from './listening.ts'
import type { Node } from './node.ts'

/** What the transport stands on. */
export interface LibP2PTransportParts {
  readonly peer: PeerId
  readonly listen: readonly string[]
  readonly ports: KeptPorts | undefined
  readonly announce: readonly string[]
  readonly carriers: readonly LibP2PCarrier[]
  readonly logger: Logger
  readonly clock: Clock
  readonly gate: Gate
  streamsOf(peer: PeerId): number
  /** A fresh node, not started. */
  node(guard: ConnectionGuard, listen: readonly string[]): Promise<Node>
}

/** The transport port on a libp2p node. */
export class LibP2PTransport implements Transport {
  readonly #parts: LibP2PTransportParts
  readonly #connections = new ConnectionTable()
  readonly #handlers = new Map<string, StreamHandler>()
  #node: Node | undefined
  #stopping = new AbortController()

  constructor(parts: LibP2PTransportParts) {
    this.#parts = parts
  }

  get peer(): PeerId {
    return this.#parts.peer
  }

  addresses(): readonly string[] {
    if (!this.#node) return []
    const { announce, peer } = this.#parts
    const own = announce.length > 0 ? announce : this.#node.services.dialler.listening().map(String)
    return own.map((address) => (address.includes('/p2p/') ? address : `${address}/p2p/${peer}`))
  }

  async start(): Promise<void> {
    if (this.#node) return
    this.#stopping = new AbortController()
    const { listen, ports } = this.#parts
    const node = await this.#startAt(listen.map((address) => atKeptPort(address, ports)))
    await ports?.keep(givenPorts(listen, node.services.dialler.listeners()))
  }

  /** Starts a node at these addresses; where a kept port is taken, at a new one. */
  async #startAt(addresses: readonly string[]): Promise<Node> {
    const { clock, gate, listen, logger } = this.#parts
    const guard: ConnectionGuard = {
      clock,
      admits: gate,
      tooFast: (peer) => this.#connections.listeners.misused(peer, hasty(peer)),
    }
    const node = await this.#parts.node(guard, addresses)
    this.#node = node
    node.addEventListener('connection:open', ({ detail }) => this.#opened(detail))
    node.addEventListener('connection:close', ({ detail }) => this.#closed(node, detail))
    for (const [protocol, handler] of this.#handlers) this.#serve(node, protocol, handler)
    try {
      await node.start()
      return node
    } catch (error) {
      this.#node = undefined
      const failures = listenFailures(error as Error)
      const others = addresses.map((address, at) => (failures.has(address) ? listen[at]! : address))
      const taken = addresses.filter((address, at) => address !== others[at])
      if (taken.length === 0) throw cannotListen(error as Error, failures)
      for (const address of taken)
        logger.warn(
          { address, reason: failures.get(address) },
          'the port of the last start is taken: listening on a new one, where older tickets and seeds do not lead',
        )
      return this.#startAt(others)
    }
  }

  async stop(): Promise<void> {
    const node = this.#node
    if (!node) return
    this.#node = undefined
    this.#stopping.abort()
    for (const connection of this.#connections.all()) connection.abort(new Error('the transport stopped'))
    await node.stop()
  }

  async connect(addresses: readonly string[], { signal, fresh = false }: ConnectOptions = {}): Promise<PeerConnection> {
    const { dialler } = this.#running().services
    const parsed = parseAddresses(addresses)
    for (const peer of parsed.map(peerIn)) {
      if (peer !== undefined && !this.#parts.gate(peer)) throw refused(peer)
      const live = peer === undefined || fresh ? undefined : this.#connections.newest(peer)
      if (live) return describe(live)
    }
    const limited = this.#limit(limit('dialMs'), signal)
    try {
      const { carriers, clock } = this.#parts
      const connection = await dialFirst(parsed, { carriers, clock, signal: limited.signal, dial: dialler.dial })
      const found = describe(connection)
      if (found.carrier !== carriers[0])
        this.#parts.logger.warn({ ...found, preferred: carriers[0] }, 'connected over a fallback carrier')
      return found
    } catch (error) {
      this.#assertGoingOn(signal)
      throw error
    } finally {
      limited.clear()
    }
  }

  async disconnect(peer: PeerId): Promise<void> {
    for (const connection of this.#connections.of(peer)) connection.abort(new Error('disconnected'))
  }

  async open(peer: PeerId, protocol: string, { signal }: StreamOptions = {}): Promise<ByteStream> {
    this.#running()
    const connection = this.#connections.newest(peer)
    if (!connection) throw notConnected(peer)
    if (this.#connections.countStreams(peer, 'outbound') >= limit('streamsPerPeer')) throw peerBusy(peer)
    const limited = this.#limit(limit('openStreamMs'), signal)
    try {
      const options = { signal: limited.signal, ...STREAM_LIMITS }
      return new LibP2PByteStream(await connection.newStream(protocol, options), peer)
    } catch (error) {
      this.#assertGoingOn(signal)
      throw openFailure(error as Error, connection, limited, protocol)
    } finally {
      limited.clear()
    }
  }

  handle(protocol: string, handler: StreamHandler): void {
    if (this.#handlers.has(protocol)) throw userError('transport.taken', `${protocol} is already served`)
    this.#handlers.set(protocol, handler)
    if (this.#node) this.#serve(this.#node, protocol, handler)
  }

  #serve(node: Node, protocol: string, handler: StreamHandler): void {
    const serve = async (stream: Stream, connection: Connection): Promise<void> => {
      const bytes = new LibP2PByteStream(stream, connection.remotePeer.toString())
      try {
        this.#assertStreamsFor(bytes.peer)
        await handler(bytes)
      } catch (error) {
        const { code, message } = toAividaError(error)
        this.#parts.logger.debug({ peer: bytes.peer, protocol, code, message }, 'a stream was given up')
        bytes.abort(toAividaError(error))
      }
    }
    void node.handle(protocol, serve, STREAM_LIMITS)
  }

  #assertStreamsFor(peer: PeerId): void {
    if (this.#connections.countStreams(peer, 'inbound') <= this.#parts.streamsOf(peer)) return
    throw this.#misused(peer)
  }

  /** Tells that a peer asked for more than its share, and gives back what to refuse it with. */
  #misused(peer: PeerId): AividaError {
    const error = peerBusy(peer)
    this.#connections.listeners.misused(peer, error)
    return error
  }

  #opened(connection: Connection): void {
    this.#connections.add(connection)
    const peer = connection.remotePeer.toString()
    const [oldest, ...others] = this.#connections.of(peer)
    if (!oldest || others.length < limit('connectionsPerPeer')) return
    oldest.abort(new Error('a newer connection took its place'))
    this.#misused(peer)
  }

  #closed(node: Node, connection: Connection): void {
    this.#connections.remove(connection)
    // libp2p would remember every stranger that ever called.
    if (this.#connections.of(connection.remotePeer.toString()).length === 0)
      node.peerStore.delete(connection.remotePeer).catch(() => {})
  }

  connections(): readonly PeerConnection[] {
    return this.#connections.all().map(describe)
  }

  subscribe(events: Partial<TransportEvents>): () => void {
    return this.#connections.listeners.add(events)
  }

  #running(): Node {
    if (!this.#node) throw userError('transport.stopped', 'the transport is not started; call start() first')
    return this.#node
  }

  #limit(limitMs: number, signal: AbortSignal | undefined): TimeLimit {
    const signals = [this.#stopping.signal, ...(signal ? [signal] : [])]
    return timeLimit(this.#parts.clock, limitMs, AbortSignal.any(signals))
  }

  #assertGoingOn(signal: AbortSignal | undefined): void {
    if (signal?.aborted) throw aborted(undefined, signal.reason)
    if (this.#stopping.signal.aborted) throw aborted('the transport stopped')
  }
}

function openFailure(error: Error, connection: Connection, limited: TimeLimit, protocol: string): AividaError {
  const peer = connection.remotePeer.toString()
  if (error.name === 'UnsupportedProtocolError') return noProtocol(peer, protocol)
  if (limited.passed) return timedOut(`opening ${protocol} with ${peer}`, limit('openStreamMs'))
  return connection.status === 'open' ? streamReset() : streamLost()
}

/** libp2p counts by protocol and connection; what binds are the counts by peer above. */
const STREAM_LIMITS = {
  maxInboundStreams: 2 * limit('streamsPerPeer'),
  maxOutboundStreams: 2 * limit('streamsPerPeer'),
}

function cannotListen(cause: Error, failures: ReadonlyMap<string, string>): AividaError {
  const listed = [...failures].map(([address, reason]) => `${address}: ${reason}`).join(', ')
  return new AividaError({
    code: 'transport.listen',
    category: 'config',
    message: `cannot listen on ${listed || cause.message}; free the port, or listen elsewhere: --listen`,
    cause,
  })
}
