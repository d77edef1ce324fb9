import type { Compression, OuterStep } from '../../runtime/protocol/index.ts'

/** What is trained: see `model.ts`. */
export type TaskName = 'mlp' | 'lm'

/** One training from beginning to end: what a figure is about. */
export interface Recipe {
  readonly task: TaskName
  readonly optimizer: 'adam' | 'muon'
  /** Learning rate at its peak. */
  readonly rate: number
  /** Of what is not for Muon, as a share of `rate`. */
  readonly restRate?: number
  readonly workers: number
  /** Rows of a worker's step. */
  readonly batch: number
  /** Steps of each worker, and of synchronous training on batches of all of them. */
  readonly steps: number
  /** Of data and first weights. */
  readonly seed: number
  /** How much of the text there is. Default: all that is to be learned from. */
  readonly characters?: number
  /** Absent: synchronous training, in one process on whole batches. */
  readonly rounds?: {
    readonly localSteps: number
    /** Of updates, both ways ... */
    readonly compression: Compression
    /** ... but for the way back, where that is another. */
    readonly down?: Compression
    readonly outer: OuterStep
  }
}

/** What a training came to. */
export interface Trained {
  /** On rows that it did not learn from. */
  readonly loss: number
  readonly accuracy?: number
  /** Bytes of one worker up and down together, by the butterfly, and how many times less that is than an f32 ring's at each step. */
  readonly bytes: number
  readonly reduction: number
  readonly parameters: number
  readonly seconds: number
}
