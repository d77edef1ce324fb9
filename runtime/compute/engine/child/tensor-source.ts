import type { DType } from '../../../data/tensor/tensor.ts'

/** A tensor that is somewhere else yet: a file, a blob. */
export interface TensorSource {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly sizeBytes: number
  /** The bytes, in order. */
  readonly content: (signal?: AbortSignal) => AsyncIterable<Uint8Array>
}

/** Bytes that are somewhere else yet. */
export type Content = Pick<TensorSource, 'content' | 'sizeBytes'>
