import { createHash } from 'node:crypto'
import { peerError } from '../../base/index.ts'
import { type FramePrefix, PREFIX_BYTES } from './frame.ts'

/** Bytes of an {@link EndMark}: the total as a 64-bit little-endian number, then the SHA-256. */
export const END_MARK_BYTES = 8 + 32

/**
 * What one side sent so far: how many bytes, and a SHA-256 over the prefixes of its frames, each of which carries the
 * checksum of its content. It closes a direction, so that one cut short is never taken for whole.
 */
export class EndMark {
  #totalBytes = 0n
  readonly #hash = createHash('sha256')

  add(prefix: Uint8Array, { headerBytes, bodyBytes }: Pick<FramePrefix, 'headerBytes' | 'bodyBytes'>): void {
    this.#totalBytes += BigInt(PREFIX_BYTES + headerBytes + bodyBytes)
    this.#hash.update(prefix)
  }

  /** The mark over all that was added. */
  bytes(): Uint8Array {
    const mark = Buffer.alloc(END_MARK_BYTES)
    mark.writeBigUInt64LE(this.#totalBytes)
    this.#hash.copy().digest().copy(mark, 8)
    return mark
  }

  /** Compares with what the peer says it sent. Throws `frame.end`. */
  check(theirs: Uint8Array): void {
    if (Buffer.compare(this.bytes(), theirs) !== 0)
      throw peerError('frame.end', `the end mark does not fit the ${this.#totalBytes} bytes that came before it`)
  }
}
