/** Frequencies of all symbols of an alphabet together, as a power of two. */
export const TOTAL_BITS = 14
/** The range is kept above this, a byte at a time. */
const LEAST_RANGE = 2 ** 24
const WORD = 2 ** 32

/**
 * A range coder (Martin 1979, "Range encoding: an algorithm for removing redundancy from a digitised message"; carries as in
 * LZMA, Pavlov): symbols take as many bits as their frequency says, to a thousandth. Whole numbers alone, so the same bytes
 * everywhere.
 */
export class RangeEncoder {
  readonly #bytes: Uint8Array
  #at: number
  #low = 0
  #range = WORD - 1
  /** The last byte, kept back since a carry may come, and how many 255 follow it. There is none before the first. */
  #held: number | undefined
  #pending = 0

  /** `bytes` must have room for all that will be written from byte `at` on. */
  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  /** A symbol by its place among 2^14: `size` from `start` on. */
  write(start: number, size: number): void {
    const unit = this.#range >>> TOTAL_BITS
    this.#low += unit * start
    this.#range = unit * size
    while (this.#range < LEAST_RANGE) {
      this.#range *= 256
      this.#shift()
    }
  }

  /** Writes as little as tells what is left from anything else; gives the byte after it. */
  end(): number {
    this.#low = Math.ceil(this.#low / LEAST_RANGE) * LEAST_RANGE
    this.#shift()
    this.#shift()
    return this.#at
  }

  #shift(): void {
    const carry = this.#low >= WORD ? 1 : 0
    const top = Math.floor(this.#low / LEAST_RANGE) & 0xff
    this.#low = (this.#low % LEAST_RANGE) * 256
    if (top === 0xff && carry === 0) {
      this.#pending++
      return
    }
    if (this.#held !== undefined) this.#bytes[this.#at++] = this.#held + carry
    for (; this.#pending > 0; this.#pending--) this.#bytes[this.#at++] = 0xff + carry
    this.#held = top
  }
}

/** Reads what {@link RangeEncoder} wrote; after the end of its bytes there are zeros. */
export class RangeDecoder {
  readonly #bytes: Uint8Array
  #at: number
  #code = 0
  #range = WORD - 1
  #unit = 0

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#at = at
    for (let i = 0; i < 4; i++) this.#code = this.#code * 256 + this.#next()
  }

  /** Where among 2^14 the next symbol lies; {@link take} it then. */
  place(): number {
    this.#unit = this.#range >>> TOTAL_BITS
    return Math.min((1 << TOTAL_BITS) - 1, Math.floor(this.#code / this.#unit))
  }

  /** Goes on to the next symbol. */
  take(start: number, size: number): void {
    this.#code -= this.#unit * start
    this.#range = this.#unit * size
    while (this.#range < LEAST_RANGE) {
      this.#range *= 256
      this.#code = (((this.#code << 8) >>> 0) + this.#next()) >>> 0
    }
  }

  /** Whether as many bytes were read as the encoder wrote: its end leaves three out, which are zeros. */
  isAtEnd(): boolean {
    return this.#at === this.#bytes.byteLength + 3
  }

  #next(): number {
    return this.#bytes[this.#at++] ?? 0
  }
}
