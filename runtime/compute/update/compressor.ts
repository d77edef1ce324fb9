import type { Compression } from '../../protocol/index.ts'

/**
 * Makes an update small for its way, f32 values to bytes and back. Deterministic to the bit on every machine: plain f32
 * arithmetic, rounded after each operation.
 */
export interface Compressor {
  readonly compression: Compression
  /**
   * Compresses `values`. With a `residual` (as long) what earlier calls left over is added first, and what this one leaves
   * over is written into it (error feedback: Seide et al. 2014, "1-bit SGD"; Karimireddy et al. 2019). `values` is not
   * changed. Throws `update.not-finite` where a value is NaN or infinite.
   */
  encode(values: Float32Array, residual?: Float32Array): Uint8Array
  /**
   * What the bytes stand for, into `into`, whose length is that of the values. Throws `update.malformed` for bytes that are
   * not of so many values, `update.not-finite` for a scale or value that is NaN or infinite.
   */
  decode(bytes: Uint8Array, into: Float32Array): void
  /** Fewer bytes are never of so many values. */
  leastBytes(elements: number): number
}
