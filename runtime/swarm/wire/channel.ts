import { AividaError, abortable, isAividaError, limit, peerError, toAividaError, userError } from '../../base/index.ts'
import type { ByteStream, PeerId, StreamOptions } from '../transport/transport.ts'
import { sizeOf } from './frame.ts'
import { type BodyInto, type Frame, FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import type { Meter } from './meter.ts'

/** A two-way stream of whole, checked messages with one peer. */
export interface Channel {
  readonly peer: PeerId
  /**
   * Sends a message; concurrent ones go out in the order of the calls. The bytes must not change before it resolves.
   * One that is aborted while it waits its turn is just left out; later, it ends the channel. Throws `frame.size`,
   * `channel.full`, `channel.ended`, `aborted`, and what the stream throws.
   */
  send(header: Uint8Array, body?: readonly Uint8Array[], options?: StreamOptions): Promise<void>
  /**
   * The next message, or `undefined` after the peer's end frame. One at a time. When aborted, the next call goes on
   * where this one was. Any other error ends the channel. Throws `frame.*` (`truncated`: the stream ended without an
   * end frame), `channel.busy`, `aborted`, and what `bodyInto` and the stream throw.
   */
  receive(options?: StreamOptions): Promise<Frame | undefined>
  /** Says that all was sent; receiving goes on. A second call does nothing. Throws what the stream throws. */
  end(): Promise<void>
  /** Ends both directions at once. */
  abort(error: Error): void
}

/** What {@link channel} may be given. */
export interface ChannelOptions {
  /** Where to read bodies into. Default: a fresh buffer for each. */
  readonly bodyInto?: BodyInto
  /** Largest body to take; a larger one is refused with `frame.size` before anything is kept of it. Default: {@link LIMITS.frameBodyBytes}. */
  readonly maxBodyBytes?: number
  /** What the peer is held to. Default: nothing but the limits of a single message. */
  readonly meter?: Meter
}

/** A channel on a byte stream, which it then owns; both sides use it at once. */
export function channel(stream: ByteStream, options: ChannelOptions = {}): Channel {
  return new StreamChannel(stream, options)
}

/** Sends a message and awaits the answer to it. Throws `channel.no-answer` when the peer ended instead. */
export async function request(
  channel: Channel,
  header: Uint8Array,
  body: readonly Uint8Array[] = [],
  options: StreamOptions = {},
): Promise<Frame> {
  await channel.send(header, body, options)
  const answer = await channel.receive(options)
  if (!answer) throw peerError('channel.no-answer', `${channel.peer} ended its side instead of answering`)
  return answer
}

class StreamChannel implements Channel {
  readonly peer: PeerId
  readonly #stream: ByteStream
  readonly #reader: FrameReader
  readonly #writer: FrameWriter
  readonly #meter: Meter | undefined
  #lastSend: Promise<void> = Promise.resolve()
  #waiting = 0
  #ending: Promise<void> | undefined
  #receiving = false

  constructor(stream: ByteStream, options: ChannelOptions) {
    this.peer = stream.peer
    this.#stream = stream
    this.#reader = new FrameReader(stream, options)
    this.#writer = new FrameWriter(stream)
    this.#meter = options.meter
  }

  async send(header: Uint8Array, body: readonly Uint8Array[] = [], options: StreamOptions = {}): Promise<void> {
    assertFits('header', header.byteLength, limit('frameHeaderBytes'))
    assertFits('body', sizeOf(body), limit('frameBodyBytes'))
    if (this.#ending) throw userError('channel.ended', 'expected no message after end(); open another stream')
    if (this.#waiting >= limit('channelSends')) throw full(this.peer)
    await this.#inTurn(() => this.#timed(header, body, options), options)
  }

  end(): Promise<void> {
    this.#ending ??= this.#inTurn(() => this.#writer.end(), {})
    return this.#ending
  }

  /** Writes a message; a peer that does not take it in time ends the channel. */
  async #timed(header: Uint8Array, body: readonly Uint8Array[], options: StreamOptions): Promise<void> {
    const sizeBytes = header.byteLength + sizeOf(body)
    const done = this.#meter?.watch(this.peer, 'send', sizeBytes, (error) => this.#stream.abort(error))
    try {
      await this.#writer.message(header, body, options)
    } finally {
      done?.()
    }
  }

  #inTurn(write: () => Promise<void>, { signal }: StreamOptions): Promise<void> {
    this.#waiting++
    const turn = this.#lastSend.then(() => (signal?.aborted ? undefined : write()))
    this.#lastSend = turn.catch(() => {}).finally(() => this.#waiting--)
    return abortable(turn, signal)
  }

  async receive(options: StreamOptions = {}): Promise<Frame | undefined> {
    if (this.#receiving) throw userError('channel.busy', 'expected one receive() at a time; await the one under way')
    this.#receiving = true
    try {
      return await this.#reader.next(options)
    } catch (error) {
      if (!options.signal?.aborted || !isAividaError(error, 'aborted')) this.abort(toAividaError(error))
      throw error
    } finally {
      this.#receiving = false
    }
  }

  abort(error: Error): void {
    this.#reader.release()
    this.#stream.abort(error)
  }
}

function assertFits(part: string, sizeBytes: number, maxBytes: number): void {
  if (sizeBytes > maxBytes)
    throw userError(
      'frame.size',
      `a ${part} of ${sizeBytes} bytes does not fit a frame, at most ${maxBytes} do; split it`,
    )
}

function full(peer: PeerId): AividaError {
  const message = `${limit('channelSends')} messages already wait to be sent to ${peer}; await some of them`
  return new AividaError({ code: 'channel.full', category: 'peer', message, retryable: true })
}
