import { peerError } from '../../base/errors.ts'

/** Bits one after the other into bytes set aside, the first in the lowest bit of the first byte. */
export class BitWriter {
  readonly #bytes: Uint8Array
  #at: number
  #word = 0
  #filled = 0

  /** `bytes` must have room for all that will be written from byte `at` on. */
  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  /** The `count` (at most 16) lowest bits of `value`. */
  write(value: number, count: number): void {
    this.#word |= value << this.#filled
    this.#filled += count
    for (; this.#filled >= 8; this.#filled -= 8, this.#word >>>= 8) this.#bytes[this.#at++] = this.#word & 0xff
  }

  /** Fills the last byte with zeros; gives the byte after it. */
  end(): number {
    if (this.#filled > 0) this.write(0, 8 - this.#filled)
    return this.#at
  }
}

/** Reads what {@link BitWriter} wrote. Throws `update.malformed` where there is no more. */
export class BitReader {
  readonly #bytes: Uint8Array
  #at: number
  #word = 0
  #left = 0

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  /** The next `count` (at most 16) bits. */
  read(count: number): number {
    for (; this.#left < count; this.#left += 8) {
      if (this.#at >= this.#bytes.byteLength) throw malformed('more bits', 'the end of its bytes')
      this.#word |= this.#bytes[this.#at++]! << this.#left
    }
    const value = this.#word & ((1 << count) - 1)
    this.#word >>>= count
    this.#left -= count
    return value
  }

  /** How many ones there are before the next zero; the zero is read too. Throws above `most`. */
  ones(most: number): number {
    let count = 0
    while (this.read(1) === 1) if (++count > most) throw malformed(`at most ${most} ones in a row`, 'more')
    return count
  }

  /** Throws unless all bytes were read, and all bits but zeros. */
  end(): void {
    if (this.#at !== this.#bytes.byteLength || this.#word !== 0)
      throw malformed('its end', `${this.#bytes.byteLength - this.#at} more bytes, or bits that say nothing`)
  }
}

function malformed(expected: string, found: string): Error {
  return peerError('update.malformed', `expected ${expected} in an update, found ${found}`)
}
