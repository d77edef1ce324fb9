import { invariant, peerError } from '../../base/index.ts'
import type { ByteStream, StreamOptions } from '../transport/transport.ts'
import { END_MARK_BYTES, EndMark } from './end-mark.ts'
import { decodePrefix, type FramePrefix, frameCrc, PREFIX_BYTES } from './frame.ts'

/** A message as it arrived, whole and checked. */
export interface Frame {
  readonly header: Uint8Array
  /** In an `ArrayBuffer` of its own from offset 0 (so aligned for any dtype), or where `bodyInto` put it. */
  readonly body: Uint8Array
}

/** Provides the place a body is read into: exactly `bodyBytes` long. May throw to refuse it. */
export type BodyInto = (header: Uint8Array, bodyBytes: number) => Uint8Array

/**
 * Reads frames from a byte stream, each byte copied once, to where it stays. An aborted read keeps what it had, so
 * that the next call goes on from there.
 */
export class FrameReader {
  readonly #stream: ByteStream
  readonly #bodyInto: BodyInto
  readonly #seen = new EndMark()
  #piece: Uint8Array = EMPTY
  #prefix = new Filling(PREFIX_BYTES)
  #announced: FramePrefix | undefined
  #header: Filling | undefined
  #body: Filling | undefined
  #ended = false

  constructor(stream: ByteStream, bodyInto: BodyInto = (_header, bodyBytes) => new Uint8Array(bodyBytes)) {
    this.#stream = stream
    this.#bodyInto = bodyInto
  }

  /** The next message, or `undefined` after a proper end. Throws `frame.*`, and what the stream throws. */
  async next(options: StreamOptions): Promise<Frame | undefined> {
    if (this.#ended) return undefined
    await this.#fill(this.#prefix, options)
    this.#announced ??= decodePrefix(this.#prefix.bytes)
    const { kind, headerBytes, bodyBytes, crc } = this.#announced
    if (kind === 'end' && (headerBytes !== END_MARK_BYTES || bodyBytes !== 0))
      throw peerError('frame.malformed', 'the end frame has another shape than it must')
    this.#header ??= new Filling(headerBytes)
    await this.#fill(this.#header, options)
    const header = this.#header.bytes
    this.#body ??= new Filling(bodyBytes, bodyBytes > 0 ? this.#bodyInto(header, bodyBytes) : EMPTY)
    await this.#fill(this.#body, options)
    const body = this.#body.bytes
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

  async #fill(target: Filling, options: StreamOptions): Promise<void> {
    while (target.missingBytes > 0) {
      if (this.#piece.byteLength === 0) {
        const piece = await this.#stream.read(options)
        if (!piece) throw peerError('frame.truncated', 'the stream ended before its end frame; part of it is missing')
        this.#piece = piece
      }
      this.#piece = target.take(this.#piece)
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
