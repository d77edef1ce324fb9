import { peerError, userError } from '../../base/errors.ts'

/**
 * The largest scale, and with f32 updates the largest value: 2^120. So no level of a compressor and no mean of values leaves
 * the range of f32. A model that learns is never near it.
 */
export const LARGEST = 2 ** 120

/** {@link LARGEST} as bfloat16 bits. Those of positive numbers are in their order, those of others (sign, infinite, NaN) above. */
const LARGEST_BITS = 0x7b80

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/**
 * A scale of 0 to {@link LARGEST} as bfloat16 bits: the range of f32, so that the scales of small gradients are no zeros, as
 * they would be in f16 (below 6e-8); its 8 bits of precision cost nothing, since codes are made with the rounded scale.
 * `nearest` (even) or `up`.
 */
export function scaleBits(scale: number, rounding: 'nearest' | 'up'): number {
  float[0] = scale
  const value = bits[0]!
  return (value + (rounding === 'up' ? 0xffff : 0x7fff + ((value >>> 16) & 1))) >>> 16
}

/** The scale that bits of a stranger's stand for. Throws `update.not-finite` for one that is none, infinite, negative or out of range. */
export function scaleOf(scale: number): number {
  if (scale > LARGEST_BITS)
    throw peerError(
      'update.not-finite',
      `expected scales from 0 to 2^120 in an update, found the bits ${scale.toString(16)}; the training that made it has diverged, or its bytes are damaged`,
    )
  bits[0] = scale << 16
  return float[0]!
}

/** Throws `update.not-finite` unless a norm of values is a number in range: NaN and infinity among them make it none. */
export function assertFinite(norm: number): void {
  if (!(norm <= LARGEST))
    throw userError(
      'update.not-finite',
      'expected finite values in an update, found NaN, an infinite one or one above 2^120; the training has diverged: lower the learning rate, warm it up, or clip the gradient',
    )
}
