import type { CreateStreamOptions, PeerId, StreamMuxerFactory } from '@libp2p/interface'
import { AbstractStreamMuxer } from '@libp2p/utils'
import { abortable, limit, sleep } from '../../../../base/index.ts'
import { TokenBucket } from '../../../conduct/token-bucket.ts'
import type { NativeConnection, NativeStream } from './binding.ts'
import type { QuicConnection } from './connection.ts'
import { QuicStream } from './stream.ts'

/** The streams of one QUIC connection: QUIC multiplexes by itself, so this only hands its streams to libp2p. */
export class QuicMuxer extends AbstractStreamMuxer<QuicStream> {
  readonly #connection: QuicConnection
  readonly #native: NativeConnection
  readonly #arrivals: TokenBucket
  #accepting = false

  constructor(connection: QuicConnection) {
    super(connection, { protocol: 'quic', name: 'muxer' })
    this.#connection = connection
    this.#native = connection.native
    const share = { perSecond: limit('streamsPerSecond'), burst: limit('streamBurst') }
    this.#arrivals = new TokenBucket(share, connection.guard.clock.monoMs())
  }

  /** Streams are taken in only once libp2p listens for them, so that none is lost while a gate makes up its mind. */
  override addEventListener(...args: Parameters<AbstractStreamMuxer['addEventListener']>): void {
    super.addEventListener(...args)
    if (args[0] === 'stream' && !this.#accepting) {
      this.#accepting = true
      void this.#accept()
    }
  }

  async #accept(): Promise<void> {
    try {
      while (this.status === 'open') {
        this.onRemoteStream(this.#wrap(await this.#native.inboundStream(), 'inbound'))
        await this.#pace()
      }
    } catch {
      // the connection is gone: it says so itself
    }
  }

  /** Makes a peer wait that opens streams too fast; its own stream limit then holds it back. */
  async #pace(): Promise<void> {
    const { clock, tooFast } = this.#connection.guard
    const waitMs = this.#arrivals.owe(1, clock.monoMs())
    if (waitMs === 0) return
    tooFast(this.#connection.remotePeer.toString())
    await sleep(clock, waitMs)
  }

  override async onCreateStream(options: CreateStreamOptions): Promise<QuicStream> {
    const opening = this.#native.outboundStream()
    try {
      return this.#wrap(await abortable(opening, options.signal), 'outbound')
    } catch (error) {
      opening.then(
        (late) => void late.resetWrite(),
        () => {},
      )
      throw error
    }
  }

  #wrap(native: NativeStream, direction: 'inbound' | 'outbound'): QuicStream {
    return new QuicStream(native, direction, this.log.newScope(direction))
  }

  /** Ends the connection rather than each stream, so that the peer sees a loss and not many resets. */
  override abort(): void {
    this.#native.abort()
    this.onTransportClosed()
  }

  override onTransportClosed(): void {
    this.status = 'closed'
    for (const stream of [...this.streams]) stream.connectionLost()
  }

  override onData(): void {} // a QUIC connection carries no bytes outside its streams
}

/** What libp2p's upgrader needs to know of a connection instead of encrypting and multiplexing by itself. */
export function upgradeOf(connection: QuicConnection): {
  skipEncryption: true
  skipProtection: true
  remotePeer: PeerId
  muxerFactory: StreamMuxerFactory
} {
  const muxerFactory = { protocol: 'quic', createStreamMuxer: () => new QuicMuxer(connection) }
  return { skipEncryption: true, skipProtection: true, remotePeer: connection.remotePeer, muxerFactory }
}
