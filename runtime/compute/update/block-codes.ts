import { peerError } from '../../base/errors.ts'
import type { Compression } from '../../protocol/index.ts'
import type { Compressor } from './compressor.ts'
import { assertFinite, scaleBits, scaleOf } from './scale.ts'

/** Codes of a few bits for values that share a scale. */
export interface BlockCode {
  /** Of one value: 1, 2, 4 or 8. */
  readonly bits: number
  readonly rounding: 'nearest' | 'up'
  /** The scale of the first `count` values; NaN or infinite where one of them is. */
  scale(values: Float32Array, count: number): number
  /**
   * Writes the codes of all values (they are followed by zeros up to a whole byte) to `codes` from byte `at` on, and leaves
   * in `values` what the codes do not say.
   */
  write(values: Float32Array, count: number, scale: number, codes: Uint8Array, at: number): void
  /** What the codes from byte `at` on stand for. */
  read(codes: Uint8Array, at: number, scale: number, into: Float32Array, from: number, to: number): void
}

/**
 * Values in blocks, each with a scale and a code a value: first all scales as bfloat16, little-endian, then all codes, the
 * first value in the lowest bits of a byte. `block` is a multiple of 8, so that each block begins at a byte.
 */
export function blockCompressor(code: BlockCode, compression: Compression, block: number): Compressor {
  const bytesOf = (elements: number) => ({
    scales: 2 * Math.ceil(elements / block),
    codes: Math.ceil((elements * code.bits) / 8),
  })
  return {
    compression,
    encode(values, residual) {
      const room = bytesOf(values.length)
      const bytes = new Uint8Array(room.scales + room.codes)
      const scratch = new Float32Array(block)
      for (let from = 0, number = 0; from < values.length; from += block, number++) {
        const count = Math.min(block, values.length - from)
        if (residual) for (let i = 0; i < count; i++) scratch[i] = values[from + i]! + residual[from + i]!
        else for (let i = 0; i < count; i++) scratch[i] = values[from + i]!
        if (count < block) scratch.fill(0, count)
        const norm = code.scale(scratch, count)
        assertFinite(norm)
        const scale = scaleBits(norm, code.rounding)
        bytes[2 * number] = scale & 0xff
        bytes[2 * number + 1] = scale >>> 8
        code.write(scratch, count, scaleOf(scale), bytes, room.scales + (from * code.bits) / 8)
        if (residual) for (let i = 0; i < count; i++) residual[from + i] = scratch[i]!
      }
      return bytes
    },
    leastBytes(elements) {
      const { scales, codes } = bytesOf(elements)
      return scales + codes
    },
    decode(bytes, into) {
      const room = bytesOf(into.length)
      if (bytes.byteLength !== room.scales + room.codes)
        throw peerError(
          'update.malformed',
          `expected ${room.scales + room.codes} bytes for ${into.length} values by ${compression.kind} in blocks of ${block}, found ${bytes.byteLength}; both sides must name the same compression`,
        )
      for (let from = 0, number = 0; from < into.length; from += block, number++) {
        const scale = scaleOf(bytes[2 * number]! | (bytes[2 * number + 1]! << 8))
        const to = Math.min(from + block, into.length)
        code.read(bytes, room.scales + (from * code.bits) / 8, scale, into, from, to)
      }
    },
  }
}
