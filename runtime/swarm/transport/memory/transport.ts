import { abortable, type Clock, limit, timedOut, timeLimit, toAividaError, userError } from '../../../base/index.ts'
import { mismatch, noProtocol, notConnected, peerBusy, refused, streamLost, unreachable } from '../failures.ts'
import { Listeners } from '../listeners.ts'
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
import { MemoryConnection } from './connection.ts'
import type { Route } from './route.ts'
import { MemoryStream } from './stream.ts'

/** What the transports of one network share. */
export interface MemoryFabric {
  readonly clock: Clock
  readonly windowBytes: number
  find(peer: PeerId): MemoryTransport | undefined
  route(from: PeerId, to: PeerId): Route
}

/** The transport port in memory. */
export class MemoryTransport implements Transport {
  readonly peer: PeerId
  readonly #fabric: MemoryFabric
  readonly #gate: Gate
  readonly #handlers = new Map<string, StreamHandler>()
  readonly #connections = new Set<MemoryConnection>()
  readonly #listeners = new Listeners()
  #stopping: AbortController | undefined

  constructor(peer: PeerId, fabric: MemoryFabric, gate: Gate) {
    this.peer = peer
    this.#fabric = fabric
    this.#gate = gate
  }

  addresses(): readonly string[] {
    return this.#stopping ? [`/memory/${this.peer}/p2p/${this.peer}`] : []
  }

  async start(): Promise<void> {
    this.#stopping ??= new AbortController()
  }

  async stop(): Promise<void> {
    this.#stopping?.abort()
    this.#stopping = undefined
    for (const connection of this.#connections) connection.close()
  }

  /** Vanishes as a killed process does: nobody is told. Returns the connections it had. */
  kill(): MemoryConnection[] {
    this.#stopping?.abort()
    this.#stopping = undefined
    const connections = [...this.#connections]
    for (const connection of connections) connection.lose()
    return connections
  }

  /** Gives up the connections to a peer that has been silent for too long. */
  lose(peer: PeerId): void {
    for (const connection of this.#of(peer)) connection.lose()
  }

  async connect(addresses: readonly string[], { signal, fresh = false }: ConnectOptions = {}): Promise<PeerConnection> {
    const stopping = this.#running()
    const failures: { address: string; reason: string }[] = []
    for (const address of addresses.slice(0, limit('dialAddresses'))) {
      const [, name, expected = name] = /^\/memory\/([^/]+)(?:\/p2p\/(.+))?$/.exec(address) ?? []
      if (name === undefined || expected === undefined) continue
      if (!this.#gate(expected)) throw refused(expected)
      const live = fresh ? undefined : this.#newest(expected)
      if (live) return live
      if (expected !== name) throw mismatch(expected, name)
      const limited = timeLimit(this.#fabric.clock, limit('dialMs'), join(stopping, signal))
      try {
        const connection = await abortable(this.#dial(name, address, limited.signal), limited.signal)
        if (connection) return connection
        failures.push({ address, reason: 'nobody listens there' })
      } catch (error) {
        if (!limited.passed) throw error
        failures.push({ address, reason: 'no answer' })
      } finally {
        limited.clear()
      }
    }
    throw unreachable(failures)
  }

  /** Resolves with nothing when nobody is there. */
  #dial(name: PeerId, address: string, giveUp: AbortSignal): Promise<MemoryConnection | undefined> {
    return new Promise((resolve) => {
      const onAnswer = (theirs: MemoryConnection | undefined): void => {
        if (!theirs) {
          resolve(undefined)
          return
        }
        const mine = this.#connection(name, address, 'outbound')
        mine.other = theirs
        theirs.other = mine
        this.#add(mine)
        if (giveUp.aborted) mine.close()
        resolve(mine)
      }
      this.#fabric.route(this.peer, name).send(() => {
        const target = this.#fabric.find(name)
        if (target) target.answer(this.peer, onAnswer)
        else this.#fabric.route(name, this.peer).send(() => onAnswer(undefined), giveUp)
      }, giveUp)
    })
  }

  /** Takes a connection from a peer of the network, if started. */
  answer(peer: PeerId, reply: (connection: MemoryConnection | undefined) => void): void {
    const connection = this.#stopping && this.#connection(peer, `/memory/${peer}`, 'inbound')
    this.#fabric.route(this.peer, peer).send(() => reply(connection), connection ?? this)
    if (!connection) return
    if (this.#gate(peer, `/memory/${peer}`)) this.#add(connection)
    else connection.close()
  }

  async disconnect(peer: PeerId): Promise<void> {
    for (const connection of this.#of(peer)) connection.close()
  }

  async open(peer: PeerId, protocol: string, { signal }: StreamOptions = {}): Promise<ByteStream> {
    const stopping = this.#running()
    const connection = this.#newest(peer)
    if (!connection) throw notConnected(peer)
    if (this.#count(peer, 'outbound') >= limit('streamsPerPeer')) throw peerBusy(peer)
    const mine = connection.stream(protocol, 'outbound')
    const limited = timeLimit(this.#fabric.clock, limit('openStreamMs'), join(stopping, connection.gone, signal))
    try {
      const isServed = new Promise<boolean>((resolve) => {
        connection.route.send(
          () => {
            const theirs = connection.other
            const served = theirs?.isOpen && this.#fabric.find(peer)?.serve(theirs, mine)
            theirs?.route.send(() => resolve(served === true), theirs)
          },
          mine,
          connection,
        )
      })
      if (!(await abortable(isServed, limited.signal))) throw noProtocol(peer, protocol)
      return mine
    } catch (error) {
      mine.abort(error as Error)
      if (limited.passed) throw timedOut(`opening ${protocol} with ${peer}`, limit('openStreamMs'))
      if (connection.gone.aborted && !stopping.aborted && !signal?.aborted) throw streamLost()
      throw error
    } finally {
      limited.clear()
    }
  }

  /** Takes a stream from a peer of the network; false when its protocol isn't served. */
  serve(connection: MemoryConnection, opener: MemoryStream): boolean {
    const handler = this.#handlers.get(opener.protocol)
    if (!handler) return false
    const stream = connection.stream(opener.protocol, 'inbound')
    MemoryStream.join(opener, stream)
    const tooMany = this.#count(connection.peer, 'inbound') > limit('streamsPerPeer')
    const run = async (): Promise<void> => {
      if (tooMany) throw peerBusy(connection.peer)
      await handler(stream)
    }
    run().catch((error) => stream.abort(toAividaError(error)))
    return true
  }

  handle(protocol: string, handler: StreamHandler): void {
    if (this.#handlers.has(protocol)) throw userError('transport.taken', `${protocol} is already served`)
    this.#handlers.set(protocol, handler)
  }

  connections(): readonly PeerConnection[] {
    return [...this.#connections]
  }

  subscribe(events: Partial<TransportEvents>): () => void {
    return this.#listeners.add(events)
  }

  #connection(peer: PeerId, address: string, direction: 'inbound' | 'outbound'): MemoryConnection {
    const { windowBytes } = this.#fabric
    const route = this.#fabric.route(this.peer, peer)
    const closed = (connection: MemoryConnection) => this.#remove(connection)
    return new MemoryConnection({ peer, address, direction, route, windowBytes, closed })
  }

  #add(connection: MemoryConnection): void {
    const isFirst = this.#of(connection.peer).length === 0
    this.#connections.add(connection)
    if (isFirst) this.#listeners.connected(connection)
  }

  #remove(connection: MemoryConnection): void {
    if (!this.#connections.delete(connection)) return
    if (this.#of(connection.peer).length === 0) this.#listeners.disconnected(connection.peer)
  }

  #of(peer: PeerId): MemoryConnection[] {
    return [...this.#connections].filter((connection) => connection.peer === peer)
  }

  #newest(peer: PeerId): MemoryConnection | undefined {
    return this.#of(peer).at(-1)
  }

  #count(peer: PeerId, direction: 'inbound' | 'outbound'): number {
    const streams = this.#of(peer).flatMap((connection) => [...connection.streams])
    return streams.filter((stream) => stream.direction === direction).length
  }

  /** The signal of stop(). */
  #running(): AbortSignal {
    if (!this.#stopping) throw userError('transport.stopped', 'the transport is not started; call start() first')
    return this.#stopping.signal
  }
}

function join(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined))
}
