import { abortable, invariant, limit, peerError } from '../../base/index.ts'
import type { ByteStream, StreamOptions } from '../transport/transport.ts'
import { END_MARK_BYTES, EndMark } from './end-mark.ts'
import { decodePrefix, type FramePrefix, frameCrc, PREFIX_BYTES } from './frame.ts'
import { type Meter, type Release, SMALL_MESSAGE_BYTES } from './meter.ts'

/** A message as it arrived, whole and checked. */
export interface Frame {
  readonly header: Uint8Array
  /** In an `ArrayBuffer` of its own from offset 0 (so aligned for any dtype), or where `bodyInto` put it. */
  readonly body: Uint8Array
}

/** Provides the place a body is read into: exactly `bodyBytes` long. May throw to refuse it. */
export type BodyInto = (header: Uint8Array, bodyBytes: number) => Uint8Array

/** What a {@link FrameReader} may be given: see `ChannelOptions`. */
export interface FrameReaderOptions {
  readonly bodyInto?: BodyInto
  readonly maxBodyBytes?: number
  readonly meter?: Meter
}

/**
 * Reads frames from a byte stream, each byte copied once, to where it stays. An aborted read keeps what it had, so
 * that the next call goes on from there.
 */
export class FrameReader {
  readonly #stream: ByteStream
  readonly #bodyInto: BodyInto
  readonly #maxBodyBytes: number
  readonly #meter: Meter | undefined
  readonly #seen = new EndMark()
  #piece: Uint8Array = EMPTY
  /** What the piece is the rest of. */
  #source: Uint8Array | undefined
  #prefix = new Filling(PREFIX_BYTES)
  #announced: FramePrefix | undefined
  #header: Filling | undefined
  #body: Filling | undefined
  #ended = false
  /** Time and room of the message that is coming in. */
  #timed: Release | undefined
  #room: Release | undefined
  #roomComing: Promise<void> | undefined
  #released = false

  constructor(stream: ByteStream, { bodyInto, maxBodyBytes, meter }: FrameReaderOptions = {}) {
    this.#stream = stream
    this.#bodyInto = bodyInto ?? ((_header, bodyBytes) => new Uint8Array(bodyBytes))
    this.#maxBodyBytes = maxBodyBytes ?? limit('frameBodyBytes')
    this.#meter = meter
  }

  /** Nothing more will be read: gives back what the message that is coming in has of the meter. */
  release(): void {
    this.#released = true
    this.#settle()
  }

  /** The next message, or `undefined` after a proper end. Throws `frame.*`, and what the stream throws. */
  async next(options: StreamOptions): Promise<Frame | undefined> {
    if (this.#ended) return undefined
    await this.#fill(this.#prefix, options)
    if (!this.#announced) {
      this.#announced = decodePrefix(this.#prefix.bytes)
      this.#roomComing = this.#makeRoom(this.#announced)
    }
    if (this.#roomComing) await abortable(this.#roomComing, options.signal)
    this.#roomComing = undefined
    const { kind, headerBytes, bodyBytes, crc } = this.#announced
    if (kind === 'end' && (headerBytes !== END_MARK_BYTES || bodyBytes !== 0))
      throw peerError('frame.malformed', 'the end frame has another shape than it must')
    this.#header ??= new Filling(headerBytes)
    await this.#fill(this.#header, options)
    const header = this.#header.bytes
    this.#body ??= new Filling(bodyBytes, bodyBytes > 0 ? this.#bodyInto(header, bodyBytes) : EMPTY)
    await this.#fill(this.#body, options)
    const body = this.#body.bytes
    this.#settle()
    const prefix = this.#prefix.bytes
    if (frameCrc(prefix, header, [body]) !== crc)
      throw peerError('frame.crc', 'the checksum of the frame does not fit its content')
    if (kind === 'end') {
      this.#seen.check(header)
      this.#ended = true
      return undefined
    }
    this.#seen.add(prefix, this.#announced)
    this.#prefix = new Filling(PREFIX_BYTES)
    this.#announced = undefined
    this.#header = undefined
    this.#body = undefined
    return { header, body }
  }

  /** Room for a large message, before anything of it is kept; waiting for it is not held against the peer. */
  #makeRoom({ headerBytes, bodyBytes }: FramePrefix): Promise<void> | undefined {
    if (bodyBytes > this.#maxBodyBytes)
      throw peerError('frame.size', `expected a body of at most ${this.#maxBodyBytes} bytes here, found ${bodyBytes}`)
    this.#timed?.()
    this.#timed = undefined
    if (!this.#meter || headerBytes + bodyBytes <= SMALL_MESSAGE_BYTES) return undefined
    const room = this.#meter.reserve(this.#stream.peer, headerBytes + bodyBytes)
    const take = (taken: Release) => {
      this.#room = taken
      if (this.#released) this.#settle()
    }
    return room instanceof Promise ? room.then(take) : void take(room)
  }

  #watch(): Release | undefined {
    const { headerBytes, bodyBytes } = this.#announced ?? { headerBytes: 0, bodyBytes: 0 }
    const late = (error: Error) => this.#stream.abort(error)
    return this.#meter?.watch(this.#stream.peer, 'receive', headerBytes + bodyBytes, late)
  }

  #settle(): void {
    this.#timed?.()
    this.#room?.()
    this.#timed = undefined
    this.#room = undefined
  }

  async #fill(target: Filling, options: StreamOptions): Promise<void> {
    while (target.missingBytes > 0) {
      if (this.#piece.byteLength === 0) {
        if (this.#prefix.isBegun) this.#timed ??= this.#watch()
        const piece = await this.#stream.read(options)
        if (!piece) throw peerError('frame.truncated', 'the stream ended before its end frame; part of it is missing')
        this.#piece = piece
        this.#source = piece
      }
      this.#piece = target.take(this.#piece)
      if (this.#piece.byteLength === 0 && this.#source) {
        this.#stream.release?.(this.#source)
        this.#source = undefined
      }
    }
  }
}

/** A buffer that is being filled. */
class Filling {
  readonly bytes: Uint8Array
  #filledBytes = 0

  constructor(sizeBytes: number, bytes: Uint8Array = new Uint8Array(sizeBytes)) {
    invariant(bytes.byteLength === sizeBytes, `bodyInto must provide exactly ${sizeBytes} bytes`)
    this.bytes = bytes
  }

  get isBegun(): boolean {
    return this.#filledBytes > 0
  }

  get missingBytes(): number {
    return this.bytes.byteLength - this.#filledBytes
  }

  /** Copies what fits and returns what is left over. */
  take(piece: Uint8Array): Uint8Array {
    const fitting = Math.min(piece.byteLength, this.missingBytes)
    this.bytes.set(fitting === piece.byteLength ? piece : piece.subarray(0, fitting), this.#filledBytes)
    this.#filledBytes += fitting
    return piece.subarray(fitting)
  }
}

const EMPTY = new Uint8Array()
