import { peerError } from '../../base/errors.ts'
import type { Compressor } from './compressor.ts'
import { largestOf } from './largest.ts'
import { assertFinite, LARGEST } from './scale.ts'

/** f32, little-endian, as they are. What earlier calls left over, if anything, is sent with the next. */
export const uncompressed: Compressor = {
  compression: { kind: 'f32' },
  encode(values, residual) {
    const sums = Float32Array.from(values)
    if (residual) {
      for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! + residual[i]!
      residual.fill(0)
    }
    assertFinite(largestOf(sums))
    return new Uint8Array(sums.buffer)
  },
  decode(bytes, into) {
    if (bytes.byteLength !== 4 * into.length)
      throw peerError(
        'update.malformed',
        `expected ${4 * into.length} bytes for ${into.length} f32 values, found ${bytes.byteLength}; both sides must name the same compression`,
      )
    new Uint8Array(into.buffer, into.byteOffset, into.byteLength).set(bytes)
    if (!(largestOf(into) <= LARGEST))
      throw peerError(
        'update.not-finite',
        'expected finite values in an update, found NaN, an infinite one or one above 2^120; the training that made it has diverged, or its bytes are damaged',
      )
  },
  leastBytes: (elements) => 4 * elements,
}
