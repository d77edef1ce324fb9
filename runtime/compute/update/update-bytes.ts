import { peerError } from '../../base/errors.ts'
import type { Compressor } from './compressor.ts'
import { uncompressed } from './uncompressed.ts'

/**
 * One slice of an update as bytes: its values compressed, but for the last `plain`, which are f32 behind them. `residual`
 * is as long as what is compressed, or as `values`; see {@link Compressor.encode}, whose errors are thrown.
 */
export function encodeUpdate(
  compressor: Compressor,
  values: Float32Array,
  plain: number,
  residual?: Float32Array,
): Uint8Array {
  const compressed = values.length - plain
  const bytes = compressor.encode(values.subarray(0, compressed), residual?.subarray(0, compressed))
  if (plain === 0) return bytes
  const statistics = uncompressed.encode(values.subarray(compressed))
  const both = new Uint8Array(bytes.byteLength + statistics.byteLength)
  both.set(bytes)
  both.set(statistics, bytes.byteLength)
  return both
}

/** The values of {@link encodeUpdate}'s bytes, into `into`. Throws as {@link Compressor.decode}. */
export function decodeUpdate(compressor: Compressor, bytes: Uint8Array, plain: number, into: Float32Array): void {
  const end = bytes.byteLength - 4 * plain
  if (end < 0)
    throw peerError(
      'update.malformed',
      `expected ${plain} f32 statistics at the end of an update, found ${bytes.byteLength} bytes in all`,
    )
  compressor.decode(bytes.subarray(0, end), into.subarray(0, into.length - plain))
  uncompressed.decode(bytes.subarray(end), into.subarray(into.length - plain))
}
