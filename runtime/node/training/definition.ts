import type { TrainingInit } from '../../compute/graph/index.ts'
import type { RowTable } from '../../data/rows/index.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import type { LearningRate, Requirements, Selection } from '../../protocol/index.ts'
import type { RoundsDefinition } from './rounds-definition.ts'

/**
 * Rows to learn from: a table, tensors whose axis 0 is the rows, or a path - of a row file, or of what `openSource` opens (CSV,
 * Parquet, JSON, Arrow, a folder of images), which is made one first. Columns are called as the step's inputs.
 */
export type TrainingData = RowTable | NamedTensors | string

/** A learning rate: a number that stays, or a schedule. A cosine without an end ends with the training. */
export type TrainingRate = number | LearningRate | Omit<Extract<LearningRate, { kind: 'cosine' }>, 'totalSteps'>

/** What is trained, on what, how, and for how long. */
export interface TrainingDefinition extends TrainingInit, RoundsDefinition {
  /** What is learned from. */
  readonly data: TrainingData
  /** Rows that are not learned from, or which share of `data`, its last rows, is set aside. Default: no evaluation. */
  readonly validation?: TrainingData | { readonly share: number }
  /** The length of a step, or how it changes on the way. */
  readonly learningRate: TrainingRate
  /** How long: passes over the rows, or steps; one of the two. Of several workers, steps are those of all together. */
  readonly epochs?: number
  /** See `epochs`: the other way to say how long. */
  readonly steps?: number
  /** Steps from one evaluation to the next. Default: those of an epoch. */
  readonly evaluateEvery?: number
  /** Which evaluation is the best, and after how many that are no better it ends. Default: the least loss, and none. */
  readonly select?: Partial<Selection>
  /** A checkpoint to begin with, a `.safetensors` file of the same model. Default: fresh parameters, by the seed. */
  readonly from?: string
  /** Steps that a worker is given at once: what a lost one costs at most, and how often there is a checkpoint. Default: 500. */
  readonly stepsPerShard?: number
  /** Steps between two hashes of the state, by which what a worker did can be told. Default: 100. */
  readonly commitEvery?: number
  /** What devices must have. Default: nothing. */
  readonly requirements?: Requirements
  /** What lists and reports call it. */
  readonly name?: string
  /** Folder for metrics and checkpoints. Default: one in the node's data folder. */
  readonly outputDir?: string
}

/** Whether the validation is a share of the data. */
export function isShare(validation: TrainingDefinition['validation']): validation is { readonly share: number } {
  return typeof validation === 'object' && 'share' in validation && typeof validation.share === 'number'
}
