import { peerError } from '../../base/errors.ts'
import type { Compression } from '../../protocol/index.ts'
import { BitReader, BitWriter } from './bit-stream.ts'
import type { Compressor } from './compressor.ts'
import { largestOf } from './largest.ts'
import { assertFinite, scaleBits, scaleOf } from './scale.ts'

/**
 * The `share` of largest magnitude in each chunk (Stich et al. 2018, "Sparsified SGD with memory"), at least one, ties to
 * the first: their places as Rice-coded gaps, and one of two levels either side of zero, the mean magnitude of the upper
 * third and that of the rest. First two scales a chunk, then a chunk's values one by one: the gap (its upper part in
 * unary), a bit for the sign and one for the level.
 */
export function topK(compression: Compression, chunk: number, share: number): Compressor {
  const rice = riceBits(share)
  const keptOf = (count: number) => Math.max(1, Math.round(count * share))
  const chunksOf = (elements: number) => Math.ceil(elements / chunk)
  return {
    compression,
    encode(values, residual) {
      const sums = Float32Array.from(values)
      if (residual) for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! + residual[i]!
      assertFinite(largestOf(sums))
      const chunks = chunksOf(sums.length)
      const room =
        4 * chunks + Math.ceil((sums.length * 2 ** -rice + (keptOf(chunk) * chunks + 1) * (rice + 3)) / 8) + 8
      const bytes = new Uint8Array(room)
      const bits = new BitWriter(bytes, 4 * chunks)
      const selection = new Selection(chunk)
      for (let number = 0, from = 0; from < sums.length; number++, from += chunk) {
        const count = Math.min(chunk, sums.length - from)
        const places = selection.largest(sums, from, count, keptOf(count))
        const upper = selection.upper(places, Math.max(1, Math.floor(places.length / 3)))
        const scales = [meanOf(sums, places, upper, 1), meanOf(sums, places, upper, 0)].map((mean) =>
          scaleBits(mean, 'nearest'),
        )
        for (let i = 0; i < 2; i++) {
          bytes[4 * number + 2 * i] = scales[i]! & 0xff
          bytes[4 * number + 2 * i + 1] = scales[i]! >>> 8
        }
        const [high, low] = scales.map(scaleOf) as [number, number]
        for (let i = 0, next = from; i < places.length; i++) {
          const at = places[i]!
          const gap = at - next
          next = at + 1
          for (let ones = gap >>> rice; ones > 0; ones -= 8) bits.write((1 << Math.min(8, ones)) - 1, Math.min(8, ones))
          bits.write(0, 1)
          bits.write(gap & ((1 << rice) - 1), rice)
          const value = sums[at]!
          bits.write((value < 0 ? 1 : 0) | (upper[i]! << 1), 2)
          const level = upper[i] === 1 ? high : low
          sums[at] = value < 0 ? value + level : value - level
        }
      }
      residual?.set(sums)
      return bytes.slice(0, bits.end())
    },
    leastBytes: (elements) => 4 * chunksOf(elements),
    decode(bytes, into) {
      const chunks = chunksOf(into.length)
      if (bytes.byteLength < 4 * chunks)
        throw peerError(
          'update.malformed',
          `expected at least ${4 * chunks} bytes for ${into.length} values by topk in chunks of ${chunk}, found ${bytes.byteLength}; both sides must name the same compression`,
        )
      into.fill(0)
      const bits = new BitReader(bytes, 4 * chunks)
      for (let number = 0, from = 0; from < into.length; number++, from += chunk) {
        const count = Math.min(chunk, into.length - from)
        const high = scaleOf(bytes[4 * number]! | (bytes[4 * number + 1]! << 8))
        const low = scaleOf(bytes[4 * number + 2]! | (bytes[4 * number + 3]! << 8))
        for (let i = keptOf(count), at = from; i > 0; i--, at++) {
          at += (bits.ones(count >>> rice) << rice) | bits.read(rice)
          if (at >= from + count)
            throw peerError('update.malformed', `expected places below ${count} in a chunk, found ${at - from}`)
          const code = bits.read(2)
          const level = code & 2 ? high : low
          into[at] = code & 1 ? -level : level
        }
      }
      bits.end()
    },
  }
}

/** Bits of the lower part of a gap: as many as about halve the mean gap, which for geometric gaps is near the best. */
function riceBits(share: number): number {
  let bits = 0
  while (bits < 15 && 2 ** (bits + 1) * share <= 1.4) bits++
  return bits
}

function meanOf(values: Float32Array, places: Uint32Array, upper: Uint8Array, which: number): number {
  let sum = 0
  let count = 0
  for (let i = 0; i < places.length; i++) {
    if (upper[i] !== which) continue
    sum += Math.abs(values[places[i]!]!)
    count++
  }
  return count === 0 ? 0 : sum / count
}

/** Bits of a magnitude that the first look sorts by: exponent and the first three of the mantissa. */
const COARSE_SHIFT = 20
const COARSE = 2_048

/** Finds the largest of a chunk without sorting all of it. Its results are its own memory, until the next call. */
class Selection {
  readonly #histogram = new Uint32Array(COARSE)
  readonly #places: Uint32Array
  readonly #upper: Uint8Array
  readonly #magnitudes: Uint32Array
  #bits: Uint32Array = new Uint32Array()

  constructor(chunk: number) {
    this.#places = new Uint32Array(chunk)
    this.#upper = new Uint8Array(chunk)
    this.#magnitudes = new Uint32Array(chunk)
  }

  /** Places of the `kept` largest magnitudes among `count` from `from` on, in ascending order. */
  largest(values: Float32Array, from: number, count: number, kept: number): Uint32Array {
    this.#bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
    const bits = this.#bits
    const histogram = this.#histogram.fill(0)
    for (let i = from; i < from + count; i++) histogram[(bits[i]! & 0x7fff_ffff) >>> COARSE_SHIFT]!++
    let bin = COARSE - 1
    let above = 0
    for (; above + histogram[bin]! < kept; bin--) above += histogram[bin]!
    let within = 0
    for (let i = from; i < from + count; i++) {
      const magnitude = bits[i]! & 0x7fff_ffff
      if (magnitude >>> COARSE_SHIFT === bin) this.#magnitudes[within++] = magnitude
    }
    const sorted = this.#magnitudes.subarray(0, within).sort()
    const threshold = sorted[within - (kept - above)]!
    let ties = kept - above // those of the bin that are kept; of them, those at the threshold
    for (let i = within - (kept - above); i < within; i++) if (sorted[i]! > threshold) ties--
    let found = 0
    for (let i = from; i < from + count; i++) {
      const magnitude = bits[i]! & 0x7fff_ffff
      if (magnitude > threshold || (magnitude === threshold && ties-- > 0)) this.#places[found++] = i
    }
    return this.#places.subarray(0, found)
  }

  /** Which of these places have the `count` largest magnitudes: 1, the others 0. */
  upper(places: Uint32Array, count: number): Uint8Array {
    const magnitudes = this.#magnitudes.subarray(0, places.length)
    for (let i = 0; i < places.length; i++) magnitudes[i] = this.#bits[places[i]!]! & 0x7fff_ffff
    magnitudes.sort()
    const threshold = magnitudes[places.length - count]!
    let ties = 0
    for (let i = places.length - count; i < places.length && magnitudes[i] === threshold; i++) ties++
    for (let i = 0; i < places.length; i++) {
      const magnitude = this.#bits[places[i]!]! & 0x7fff_ffff
      this.#upper[i] = magnitude > threshold || (magnitude === threshold && ties-- > 0) ? 1 : 0
    }
    return this.#upper
  }
}
