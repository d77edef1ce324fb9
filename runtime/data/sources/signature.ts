import type { DType } from '../tensor/tensor.ts'

/** A dimension: a number, a name that stands for the same number wherever it appears, or `?` for any number. */
export type Dimension = number | string

/** What a graph says of one of its inputs or outputs. */
export interface TensorSpec {
  readonly name: string
  readonly dtype: DType
  /** Axis 0 is the batch for inputs that data is fed to; absent when the graph doesn't tell the rank. */
  readonly shape?: readonly Dimension[]
}

/** What goes into a graph and what comes out. */
export interface Signature {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
}

/** A spec as people write it: `pixels: uint8[lines, 48, width]`. */
export function describeSpec({ name, dtype, shape }: TensorSpec): string {
  return `${name}: ${dtype}[${shape?.join(', ') ?? '...'}]`
}
