import { type AividaError, peerError, toAividaError, userError } from '../../../base/errors.ts'
import type { Compression } from '../../../protocol/update.ts'
import { compressorOf, decodeUpdate, encodeUpdate } from '../../update/index.ts'

/** How an update is cut: where each slice ends. */
export interface Cut {
  readonly ends: readonly number[]
}

/** Updates of a flattened state as slices, and what making them small has left over so far. */
export class SlicedUpdates {
  readonly #length: number
  readonly #plain: number
  readonly #residual: Float32Array

  /** `plain`: elements at the end that are statistics. */
  constructor(length: number, plain: number) {
    this.#length = length
    this.#plain = plain
    this.#residual = new Float32Array(length - plain)
  }

  /** The bytes of what is left over: a view. */
  get residual(): Uint8Array {
    return bytesOf(this.#residual)
  }

  /** Goes on from what compression left over at another time; zeros by default. */
  restore(residual?: Uint8Array): void {
    if (residual) fill('residual', this.#residual, residual)
    else this.#residual.fill(0)
  }

  /** What slices stand for, into `update`. Throws `update.*`, its facts the `round`, as it was given, and the `slice`. */
  decode(
    slices: readonly Uint8Array[],
    { ends, compressed }: Cut & { readonly compressed: Compression },
    update: Float32Array,
    round: number,
  ): void {
    const compressor = compressorOf(compressed)
    let from = 0
    for (const [i, to] of ends.entries()) {
      try {
        decodeUpdate(compressor, slices[i]!, this.#plainIn(to), update.subarray(from, to))
      } catch (error) {
        const { code, message } = toAividaError(error)
        throw peerError(code, message, { round, slice: i })
      }
      from = to
    }
  }

  /** Compresses an update of the whole state; what that leaves over goes with the next one. Throws `update.not-finite`. */
  encode(update: Float32Array, { ends, compression }: Cut & { readonly compression: Compression }): Uint8Array[] {
    this.check(ends)
    const compressor = compressorOf(compression)
    return ends.map((to, i) => {
      const from = ends[i - 1] ?? 0
      const plain = this.#plainIn(to)
      return encodeUpdate(compressor, update.subarray(from, to), plain, this.#residual.subarray(from, to - plain))
    })
  }

  /** Throws `update.slices` for a cut that is not one of this state. */
  check(ends: readonly number[]): void {
    const rises = ends.every((end, i) => end > (ends[i - 1] ?? 0))
    if (!rises || ends.at(-1) !== this.#length || (ends.at(-2) ?? 0) > this.#length - this.#plain)
      throw userError(
        'update.slices',
        `expected slices that end at ${this.#length}, the last one with all ${this.#plain} statistics; found ${ends.slice(0, 8).join(', ')}`,
      )
  }

  /** Statistics are in the last slice. */
  #plainIn(end: number): number {
    return end === this.#length ? this.#plain : 0
  }
}

/** The bytes of f32 values: a view. */
export function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** Overwrites f32 values with as many bytes. Throws `train.state`. */
export function fill(what: string, values: Float32Array, bytes: Uint8Array): void {
  if (bytes.byteLength !== values.byteLength) throw wrongLength(what, bytes.byteLength, values.byteLength)
  bytesOf(values).set(bytes)
}

function wrongLength(what: string, found: number, expected: number): AividaError {
  return userError('train.state', `expected ${expected} bytes of ${what}, found ${found}; the file is of another model`)
}
