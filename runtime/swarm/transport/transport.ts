import type { AividaError } from '../../base/index.ts'

/** A peer's identity: the libp2p id of its Ed25519 node key (`12D3Koo...`), proven by the handshake. */
export type PeerId = string

/** How a connection is carried. `tcp` is the fallback and is said aloud; `memory` is for tests and simulation. */
export type Carrier = 'quic' | 'tcp' | 'memory'

/** A live connection to a peer. */
export interface PeerConnection {
  readonly peer: PeerId
  readonly carrier: Carrier
  readonly direction: 'inbound' | 'outbound'
  /** The address it was dialled at, or came from. */
  readonly address: string
}

/** What a stream call may be given. */
export interface StreamOptions {
  readonly signal?: AbortSignal
}

/**
 * An ordered two-way byte stream with back-pressure both ways. Its end proves nothing: completeness is the business
 * of the framing above it ({@link ../wire/channel.ts}).
 */
export interface ByteStream {
  readonly peer: PeerId
  readonly protocol: string
  /**
   * Sends the pieces in order; resolves once flow control has taken them. They must not change before that.
   * A write that is aborted resets the stream, because a part of it may have gone. Throws `stream.reset` (the peer
   * ended it), `stream.lost` (the connection is gone), `stream.ended` (after {@link closeWrite}), `aborted`.
   */
  write(pieces: readonly Uint8Array[], options?: StreamOptions): Promise<void>
  /**
   * The next bytes as they came, or `undefined` after the peer closed its side. What arrived before the connection
   * was lost is still read; what was unread at a reset is not. An aborted read leaves the stream as it was.
   * Throws `stream.reset`, `stream.lost`, `aborted`.
   */
  read(options?: StreamOptions): Promise<Uint8Array | undefined>
  /**
   * Gives a piece that was read back once its bytes are no longer needed: it is empty from then on, and its memory is
   * free at once. Never required; without it, pieces wait for the garbage collector, of which 64 MiB may come together.
   */
  release?(piece: Uint8Array): void
  /** Says that nothing more will be written; reading goes on. Throws as {@link write} does. */
  closeWrite(): Promise<void>
  /** Ends both directions at once: calls here throw `error`, the peer sees `stream.reset`. */
  abort(error: Error): void
}

/**
 * Takes an inbound stream; a rejection aborts it. Whoever holds a stream reads it to its end or aborts it: one that is
 * just dropped counts against the peer's limit until its connection closes.
 */
export type StreamHandler = (stream: ByteStream) => Promise<void>

/** Whether connections with a peer are admitted. `inboundFrom` is the address of one that comes in. */
export type Gate = (peer: PeerId, inboundFrom?: string) => boolean

/** How to connect. */
export interface ConnectOptions extends StreamOptions {
  /** Makes a connection beside the one there is, which may have lost its other end. Default: false. */
  readonly fresh?: boolean
}

/** How the node hears of connections. */
export interface TransportEvents {
  /** The first connection to this peer is there. */
  connected(connection: PeerConnection): void
  /** The last connection to this peer is gone. */
  disconnected(peer: PeerId): void
  /** A peer asked for more than its share, and was refused it. */
  misused(peer: PeerId, error: AividaError): void
}

/**
 * The port between the swarm and a network. Adapters: libp2p over QUIC with TCP + Noise + Yamux as the fallback, and
 * memory. One conformance suite holds them to the same behaviour.
 */
export interface Transport {
  readonly peer: PeerId
  /** Addresses to reach this node at, each ending in `/p2p/<peer>`. Empty before {@link start}. */
  addresses(): readonly string[]
  start(): Promise<void>
  stop(): Promise<void>
  /**
   * Connects to a peer at any of these addresses (QUIC ones first), or returns the connection there is. Throws `peer.unreachable`, `peer.mismatch`, `peer.refused` (by
   * our own gate), `aborted`. A peer whose gate refuses us closes the connection after this call.
   */
  connect(addresses: readonly string[], options?: ConnectOptions): Promise<PeerConnection>
  disconnect(peer: PeerId): Promise<void>
  /**
   * Opens a stream on the newest live connection. Throws `peer.not-connected`, `peer.no-protocol`, `peer.busy` (too
   * many streams), `stream.reset`, `stream.lost`, `timeout`, `aborted`.
   */
  open(peer: PeerId, protocol: string, options?: StreamOptions): Promise<ByteStream>
  /** Serves a protocol from now on; may be called before {@link start}. */
  handle(protocol: string, handler: StreamHandler): void
  connections(): readonly PeerConnection[]
  /** Returns a function that stops listening. */
  subscribe(events: Partial<TransportEvents>): () => void
}
