import type { ErrorRecord } from '../../../base/errors.ts'
import type { DType, NamedTensors, Tensor } from '../../../data/tensor/tensor.ts'
import type { ModelReport } from '../../model/scan.ts'
import type { EngineInfo, LoadOptions } from '../engine.ts'
import { protocol } from './frame.ts'

/** A tensor in a header; its bytes are the part of the same index. */
export interface TensorHead {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** The part of the options that a child acts on; time and signals are its parent's. */
export type ChildLoadOptions = Pick<LoadOptions, 'provider' | 'threads' | 'optimization'>

/** What the parent asks. One request is answered before the next is sent. */
export type Request =
  /** Parts: the graph, then the weights in this order. */
  | {
      readonly op: 'load'
      readonly session: number
      readonly weights: readonly string[]
      readonly options: ChildLoadOptions
    }
  | { readonly op: 'run'; readonly session: number; readonly tensors: readonly TensorHead[]; readonly finite: boolean }
  | { readonly op: 'close'; readonly session: number }

/** What the child answers; `ready` comes once, unasked. */
export type Reply =
  | { readonly op: 'ready'; readonly info: EngineInfo }
  | { readonly op: 'loaded'; readonly report: ModelReport }
  | { readonly op: 'ran'; readonly tensors: readonly TensorHead[] }
  | { readonly op: 'closed' }
  | { readonly op: 'failed'; readonly error: ErrorRecord }

/** Tensors as a header and its parts. */
export function packTensors(tensors: NamedTensors): { heads: TensorHead[]; parts: Uint8Array[] } {
  const entries = Object.entries(tensors)
  return {
    heads: entries.map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    parts: entries.map(([, { data }]) => data),
  }
}

/** Tensors from a header and its parts; whether bytes and shapes agree is for the reader to check. */
export function unpackTensors(heads: readonly TensorHead[], parts: readonly Uint8Array[]): NamedTensors {
  if (heads.length !== parts.length) throw protocol('a part for each tensor')
  return Object.fromEntries(
    heads.map(({ name, dtype, shape }, i): [string, Tensor] => [name, { dtype, shape, data: parts[i]! }]),
  )
}
