import type { NamedTensors } from '../../../data/tensor/tensor.ts'
import type { Target } from '../build/graph-builder.ts'
import type { TensorType } from '../build/value.ts'
import type { Layer, Network } from '../layers/layer.ts'
import type { Loss } from './loss.ts'
import type { Preparation } from './model-pass.ts'
import type { Optimizer } from './optimizer.ts'

/** What is trained, on what, how. */
export interface TrainingInit {
  /** A layer is given the first of the inputs. */
  readonly model: Layer | Network
  /** What is made small. */
  readonly loss: Loss
  /** How gradients change parameters. */
  readonly optimizer: Optimizer
  /** Columns of the data by name, with the shape of one sample; labels too. */
  readonly inputs: Readonly<Record<string, TensorType>>
  /** Samples a step. */
  readonly batchSize: number
  /** Makes what the model and the loss are given of the columns. Default: the columns. */
  readonly prepare?: Preparation
  /** Longest L2 norm of all gradients together; the metric `gradientNorm` tells it. Default: any. */
  readonly clip?: number
  /** Parts that a batch is cut into, one after the other, their gradients averaged: the
   * memory of one is enough. Default: 1. */
  readonly accumulate?: number
  /** Metrics of the loss that each step computes besides `loss`. Default: all that the loss has. */
  readonly metrics?: readonly string[]
  /** What parameters begin with follows from it. Default: 0. */
  readonly seed?: number
  /** Values that parameters begin with in place of what layers say, by the parameters' names. */
  readonly weights?: NamedTensors
  /** Default: `cpu`. */
  readonly target?: Target
}
