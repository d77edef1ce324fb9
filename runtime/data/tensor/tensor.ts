/** Element types, by the names that onnxruntime and NumPy share; `bfloat16` travels as 16-bit words. */
export const DTYPES = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  bool: 1,
  string: 0,
} as const

/** An element type; its value in {@link DTYPES} is the bytes an element takes (0: `string`, which varies). */
export type DType = keyof typeof DTYPES

/**
 * A dense row-major tensor as it lies in memory and on the wire: little-endian element bytes, not copied when it is
 * sent, received or handed to an engine. A `string` tensor holds `u32 length, UTF-8 bytes` per element.
 */
export interface Tensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Exactly `elements x DTYPES[dtype]` bytes (any number for `string`). */
  readonly data: Uint8Array
}

/** Tensors by the names a graph gives its inputs or outputs. */
export type NamedTensors = Readonly<Record<string, Tensor>>
