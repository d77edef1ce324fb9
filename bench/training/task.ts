import { mnist } from '../../datasets/mnist.ts'
import { mobyDick } from '../../datasets/moby-dick.ts'
import { characterModel } from '../../notebooks/models/character-model.ts'
import { cnn } from '../../notebooks/models/cnn.ts'
import { mlp } from '../../notebooks/models/mlp.ts'
import {
  adam,
  crossEntropy,
  type Layer,
  nextTokens,
  sgd,
  type TrainingInit,
  type TrainingStep,
  trainingStep,
} from '../../runtime/compute/graph/index.ts'
import { type RowTable, windowsOf } from '../../runtime/data/rows/index.ts'
import { openDataset } from '../../runtime/data/sources/index.ts'
import type { LearningRate } from '../../runtime/protocol/index.ts'
import type { TorchModel, TorchOptimiser } from '../peers/torch-training.ts'

/** Something to be trained, by us and by others: from the same weights, on the same batches, at the same rates. */
export interface TrainingTask {
  readonly init: TrainingInit
  readonly step: TrainingStep
  readonly table: RowTable
  readonly seed: number
  readonly learningRate: LearningRate
  /** Samples of a row: of a window of text, its characters. */
  readonly samplesPerRow: number
  /** The same in PyTorch. */
  readonly torch: { readonly model: TorchModel; readonly optimiser: TorchOptimiser }
}

/** Characters that the character model is given; a row has one more. */
export const CONTEXT = 64

/** Rows that are judged at once; what fills no such batch is left out. */
export const JUDGED_AT_ONCE = 100

const SEED = 1

/** A task by name, for processes of their own. */
export type TaskName = 'mlp' | 'cnn' | 'lm'

/** The task of a name: pictures for `mlp` and `cnn`, characters for `lm`. */
export function taskOf(name: TaskName): Promise<TrainingTask> {
  return name === 'lm' ? characterTask() : pictureTask(name === 'mlp' ? mlp : cnn, name)
}

/** A classifier of 28 x 28 pictures at MNIST: batches of 128, SGD. */
export async function pictureTask(model: Layer, torch: TorchModel): Promise<TrainingTask> {
  const { table } = await openDataset(mnist, 'train')
  const init = { ...PICTURES, model, optimizer: sgd() }
  return {
    init,
    step: trainingStep(init),
    table,
    seed: SEED,
    learningRate: { kind: 'constant', rate: 0.1 },
    samplesPerRow: 1,
    torch: { model: torch, optimiser: { kind: 'SGD' } },
  }
}

/** The character model at Moby Dick: batches of 32 windows, Adam. Default rate: 1e-3 all along. */
export async function characterTask(
  learningRate: LearningRate = { kind: 'constant', rate: 1e-3 },
): Promise<TrainingTask> {
  const { tensors, table } = await openDataset(mobyDick, 'train')
  const init: TrainingInit = {
    model: characterModel({ vocabulary: table.columns[0]!.symbols!.length }),
    loss: crossEntropy(),
    optimizer: adam(),
    inputs: { tokens: { dtype: 'uint8', shape: [CONTEXT + 1] } },
    prepare: nextTokens(),
    batchSize: 32,
    metrics: [],
    seed: SEED,
  }
  return {
    init,
    step: trainingStep(init),
    table: windowsOf(tensors.characters!, { size: CONTEXT + 1 }),
    seed: SEED,
    learningRate,
    samplesPerRow: CONTEXT,
    torch: { model: 'lm', optimiser: { kind: 'Adam' } },
  }
}

/** What the character model is judged by: the windows of the last tenth of the book, one after the other. */
export async function characterValidation(): Promise<RowTable> {
  const { tensors } = await openDataset(mobyDick, 'validation')
  return windowsOf(tensors.characters!, { size: CONTEXT + 1, stride: CONTEXT })
}

/** How pictures are learned from, but for the model and the optimiser. */
export const PICTURES = {
  loss: crossEntropy(),
  inputs: { images: { dtype: 'uint8', shape: [28, 28] }, labels: { dtype: 'uint8', shape: [] } },
  batchSize: 128,
  metrics: [],
  seed: SEED,
} as const satisfies Partial<TrainingInit>
