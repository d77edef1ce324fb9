import { type ErrorRecord, fromRecord } from '../../../base/errors.ts'
import type { Digest } from '../../../base/hash.ts'
import type { DType, NamedTensors, Tensor } from '../../../data/tensor/tensor.ts'
import type { Aggregation, Compression, OuterStep } from '../../../protocol/update.ts'
import type { ModelReport } from '../../model/scan.ts'
import type { EngineInfo, LoadOptions, RunResult } from '../engine.ts'
import type { SplitForm } from '../split-stepper.ts'
import { protocol } from './frame.ts'

/** A tensor in a header; its bytes are the part of the same index. */
export interface TensorHead {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** What one run gave: outputs, or why there are none. */
export type RunHead = { readonly tensors: readonly TensorHead[] } | { readonly error: ErrorRecord }

/** The part of the options that a child acts on; time and signals are its parent's. */
export type ChildLoadOptions = Pick<LoadOptions, 'provider' | 'deviceIndex' | 'threads' | 'optimization'>

/** What the parent asks. One request is answered before the next is sent. */
export type Request =
  /** Parts: the graph, then the weights in this order. */
  | {
      readonly op: 'load'
      readonly session: number
      readonly weights: readonly string[]
      readonly options: ChildLoadOptions
    }
  /** Several runs of one session, in this order. Parts: the tensors of the first, then those of the second ... */
  | {
      readonly op: 'run'
      readonly session: number
      readonly batch: readonly (readonly TensorHead[])[]
      readonly finite: boolean
    }
  | { readonly op: 'close'; readonly session: number }
  /** Takes a loaded step into training. Parts: the state, in this order, then what is frozen. */
  | {
      readonly op: 'begin-training'
      readonly session: number
      readonly state: readonly StateHead[]
      readonly frozen: readonly TensorHead[]
      readonly metrics: readonly string[]
      /** The session gives gradients; this other one makes a step of them. */
      readonly split?: SplitForm & { readonly update: number }
    }
  /** Several steps, in this order. Parts: the tensors of the first, then those of the second ... */
  | {
      readonly op: 'steps'
      readonly session: number
      readonly steps: readonly StepHead[]
      /** Whether to hash the state after the last of them. */
      readonly commit: boolean
    }
  /** Several runs of the loaded model `model`, which takes its weights from the state of the training. Parts as in `steps`. */
  | {
      readonly op: 'evaluate'
      readonly session: number
      readonly model: number
      readonly steps: readonly StepHead[]
      readonly metrics: readonly string[]
    }
  /** Bytes of one tensor of the present state. */
  | {
      readonly op: 'read-state'
      readonly session: number
      readonly tensor: number
      readonly offset: number
      readonly length: number
    }
  /** Frees the state. */
  | { readonly op: 'end-training'; readonly session: number }
  /** Makes a training a replica of what is in these tensors of its state. Part, with `momentum`: that of the outer step; else it is zero. */
  | {
      readonly op: 'begin-replica'
      readonly session: number
      readonly shared: readonly number[]
      /** Elements at the end that are statistics. */
      readonly plain: number
      readonly momentum: boolean
    }
  /** Applies rounds to what is shared, and begins from there. Parts: the slices of the first round, then those of the second ... */
  | {
      readonly op: 'merge'
      readonly session: number
      readonly rounds: number
      readonly ends: readonly number[]
      readonly compressed: Compression
      readonly outer: OuterStep
      /** Of gradients: the scalars of the step that each round makes, f32. */
      readonly scalars?: readonly Readonly<Record<string, number>>[]
    }
  /** How far the state is from what is shared, a part for each slice. */
  | {
      readonly op: 'contribute'
      readonly session: number
      readonly ends: readonly number[]
      readonly compression: Compression
    }
  /** Overwrites tensors of the state, and what compression left over. Parts: the tensors, then, with `residual`, that; else it is zero. */
  | {
      readonly op: 'restore'
      readonly session: number
      readonly tensors: readonly number[]
      readonly residual: boolean
    }
  /** Bytes of what a replica has beside the state. */
  | {
      readonly op: 'read-replica'
      readonly session: number
      readonly what: ReplicaPart
      readonly offset: number
      readonly length: number
    }
  /** One update of several; of no session. Parts: the contributions, then, with `residual`, what compression left over before. */
  | {
      readonly op: 'reduce'
      readonly contributions: readonly { readonly member: number; readonly weight: number }[]
      readonly length: number
      readonly plain: number
      readonly aggregation: Aggregation
      readonly compressed: Compression
      readonly compression: Compression
      readonly residual: boolean
    }

/** What a replica has beside the state of its training: f32, as many as there are shared elements that are no statistics. */
export type ReplicaPart = 'momentum' | 'residual'

/** A tensor of a training's state, by its names as an input and as an output. */
export interface StateHead extends TensorHead {
  readonly next: string
}

/** What one step is fed: tensors, whose bytes are parts, and f32 scalars. */
export interface StepHead {
  readonly tensors: readonly TensorHead[]
  readonly scalars: Readonly<Record<string, number>>
}

/** What the child answers; `ready` comes once, unasked. */
export type Reply =
  | { readonly op: 'ready'; readonly info: EngineInfo }
  | { readonly op: 'loaded'; readonly report: ModelReport }
  /** What each run gave. Parts as in the request. */
  | { readonly op: 'ran'; readonly batch: readonly RunHead[] }
  | { readonly op: 'closed' }
  | { readonly op: 'training' }
  /** One part: the metrics of each step, f32, one step after the other. */
  | { readonly op: 'stepped'; readonly commitment?: Digest }
  /** One part: the bytes that were asked for. */
  | { readonly op: 'state' }
  /** SHA-256 over what is shared and its outer momentum. */
  | { readonly op: 'merged'; readonly commitment: Digest }
  /** Parts: an update for each slice; of `reduce` the one update, and what compression left over where something is. */
  | { readonly op: 'updates' }
  | { readonly op: 'failed'; readonly error: ErrorRecord }

/** The inputs of several runs as a header and its parts. */
export function packInputs(batch: readonly NamedTensors[]): { heads: TensorHead[][]; parts: Uint8Array[] } {
  return { heads: batch.map(headsOf), parts: batch.flatMap(partsOf) }
}

/** The way back from {@link packInputs}; whether bytes and shapes agree is for the reader to check. */
export function unpackInputs(
  batch: readonly (readonly TensorHead[])[],
  parts: readonly Uint8Array[],
): readonly NamedTensors[] {
  const take = taker(parts)
  const inputs = batch.map((heads) => tensorsOf(heads, take(heads.length)))
  take.end()
  return inputs
}

/** What several runs gave as a header and its parts. */
export function packResults(results: readonly RunResult[]): { heads: RunHead[]; parts: Uint8Array[] } {
  return {
    heads: results.map((result) =>
      'error' in result ? { error: result.error.toJSON() } : { tensors: headsOf(result.outputs) },
    ),
    parts: results.flatMap((result) => ('error' in result ? [] : partsOf(result.outputs))),
  }
}

/** The way back from {@link packResults}; whether bytes and shapes agree is for the reader to check. */
export function unpackResults(batch: readonly RunHead[], parts: readonly Uint8Array[]): readonly RunResult[] {
  const take = taker(parts)
  const results = batch.map((head) =>
    'error' in head
      ? { error: fromRecord(head.error) }
      : { outputs: tensorsOf(head.tensors, take(head.tensors.length)) },
  )
  take.end()
  return results
}

/** What a header says of tensors. */
export function headsOf(tensors: NamedTensors): TensorHead[] {
  return Object.entries(tensors).map(([name, { dtype, shape }]) => ({ name, dtype, shape }))
}

/** The bytes behind {@link headsOf}. */
export function partsOf(tensors: NamedTensors): Uint8Array[] {
  return Object.values(tensors).map(({ data }) => data)
}

/** Tensors from their heads and as many parts. */
export function tensorsOf(heads: readonly TensorHead[], parts: readonly Uint8Array[]): NamedTensors {
  return Object.fromEntries(
    heads.map(({ name, dtype, shape }, i): [string, Tensor] => [name, { dtype, shape, data: parts[i]! }]),
  )
}

/** Hands out parts in order. Throws `engine.protocol` when there are too few, and at the end when some are left. */
export function taker(parts: readonly Uint8Array[]): { (count: number): readonly Uint8Array[]; end(): void } {
  let at = 0
  const take = (count: number) => {
    if (at + count > parts.length) throw protocol('a part for each tensor')
    at += count
    return parts.slice(at - count, at)
  }
  return Object.assign(take, {
    end: () => {
      if (at !== parts.length) throw protocol('a part for each tensor')
    },
  })
}

/** Numbers as f32 scalars. */
export function scalarsOf(scalars: Readonly<Record<string, number>>): NamedTensors {
  return Object.fromEntries(
    Object.entries(scalars).map(([name, value]) => [
      name,
      { dtype: 'float32', shape: [], data: new Uint8Array(Float32Array.of(value).buffer) },
    ]),
  )
}
