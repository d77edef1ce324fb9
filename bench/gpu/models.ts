import { mobyDick } from '../../datasets/moby-dick.ts'
import { characterModel } from '../../notebooks/models/character-model.ts'
import { cnn } from '../../notebooks/models/cnn.ts'
import { mlp } from '../../notebooks/models/mlp.ts'
import { seededRandom } from '../../runtime/base/index.ts'
import {
  adam,
  batchNorm,
  conv2d,
  crossEntropy,
  dense,
  globalAveragePool,
  type Layer,
  nextTokens,
  pixels,
  relu,
  reshape,
  residual,
  sequential,
  type TrainingInit,
  trainingStep,
} from '../../runtime/compute/graph/index.ts'
import { windowsOf } from '../../runtime/data/rows/index.ts'
import { openDataset } from '../../runtime/data/sources/index.ts'
import type { Tensor } from '../../runtime/data/tensor/index.ts'
import { characterTask, PICTURES, pictureTask, type TrainingTask } from '../training/task.ts'

/** What a graph is built for: see `TrainingInit.target`. */
export type Target = NonNullable<TrainingInit['target']>

/** A model to run, and one batch for it. */
export interface Inference {
  readonly name: string
  /** What a row is called. */
  readonly unit: string
  readonly rows: number
  readonly graph: (target: Target) => Uint8Array
  readonly batch: Tensor
}

/**
 * Four stages of two residual blocks, 64 to 512 channels, as in ResNet-18 (He, Zhang, Ren and Sun 2016, table 1) but for the
 * shortcuts, which are never projected: a convolution of stride 2 leads from stage to stage. Pictures `[batch, ...shape] u8`.
 */
export function resNet(shape: readonly [channels: number, side: number], classes: number): Layer {
  const [channels, side] = shape
  const normed = (filters: number, kernel: number, stride = 1) => [
    conv2d(filters, kernel, { padding: 'same', stride, bias: false }),
    batchNorm(),
  ]
  const block = (filters: number) => residual([...normed(filters, 3), relu(), ...normed(filters, 3)])
  const stages = [64, 128, 256, 512].flatMap((filters, stage) => [
    ...(stage === 0 ? [] : [...normed(filters, 3, 2), relu()]),
    ...[block(filters), relu(), block(filters), relu()],
  ])
  const large = side > 64
  const stem = large ? [...normed(64, 7, 2), relu(), ...normed(64, 3, 2), relu()] : [...normed(64, 3), relu()]
  return sequential([
    ...[pixels(), reshape([channels, side, side]), ...stem, ...stages],
    ...[globalAveragePool(), dense(classes)],
  ])
}

/** What is run over batches: the models of the notebooks, and two that keep a card busy. */
export function inferences(): Inference[] {
  return [
    pictures('mlp', mlp, [28, 28], 1024),
    pictures('cnn', cnn, [28, 28], 1024),
    pictures('resnet', resNet([3, 224], 1000), [3, 224, 224], 32),
    text('lm', characterModel({ vocabulary: VOCABULARY }), { rows: 32, length: 64 }),
    text('gpt', characterModel({ ...LARGE, vocabulary: VOCABULARY }), { rows: 8, length: 256 }),
  ]
}

/** 25 million parameters. */
const LARGE = { width: 512, heads: 8, layers: 8 }
const VOCABULARY = 80
const SEED = 1

function pictures(name: string, model: Layer, shape: readonly number[], rows: number): Inference {
  const inputs = { images: { dtype: 'uint8', shape }, labels: { dtype: 'uint8', shape: [] } } as const
  return {
    ...{ name, unit: 'images/s', rows },
    graph: (target) => graphOf({ ...PICTURES, model, inputs, optimizer: adam(), batchSize: 2, target }),
    batch: bytes([rows, ...shape], 256),
  }
}

function text(name: string, model: Layer, { rows, length }: { rows: number; length: number }): Inference {
  const inputs = { tokens: { dtype: 'uint8', shape: [length + 1] } } as const
  const init = { model, loss: crossEntropy(), optimizer: adam(), inputs, prepare: nextTokens(), seed: SEED }
  return {
    ...{ name, unit: 'rows/s', rows },
    graph: (target) => graphOf({ ...init, batchSize: 2, target }),
    batch: bytes([rows, length], VOCABULARY),
  }
}

/** With the weights that a training begins with. */
function graphOf(init: TrainingInit): Uint8Array {
  const step = trainingStep(init)
  return step.inference(step.initialState())
}

function bytes(shape: readonly number[], below: number): Tensor {
  const count = shape.reduce((all, dim) => all * dim, 1)
  const data = seededRandom(SEED)
    .bytes(count)
    .map((byte) => byte % below)
  return { dtype: 'uint8', shape, data }
}

/** What is trained: the models of `training`, and two that keep a card busy. */
export async function trainings(): Promise<readonly (readonly [name: string, task: TrainingTask])[]> {
  return [
    ['mlp', await pictureTask(mlp, 'mlp')],
    ['cnn', await pictureTask(cnn, 'cnn')],
    // At a higher rate its losses come apart from the last bits of the first step on.
    ['resnet', { ...(await pictureTask(resNet([1, 28], 10), 'cnn')), learningRate: { kind: 'constant', rate: 1e-3 } }],
    ['lm', await characterTask()],
    ['gpt', await largeText()],
  ]
}

/** The character model of {@link LARGE}, at 256 places. */
async function largeText(): Promise<TrainingTask> {
  const { tensors, table } = await openDataset(mobyDick, 'train')
  const { init, ...task } = await characterTask({ kind: 'constant', rate: 1e-4 })
  const row = { dtype: 'uint8', shape: [257] } as const
  return {
    ...task,
    ...withInit({
      ...init,
      model: characterModel({ ...LARGE, vocabulary: table.columns[0]!.symbols!.length }),
      inputs: { tokens: row },
      batchSize: 8,
    }),
    table: windowsOf(tensors.characters!, { size: 257 }),
    samplesPerRow: 256,
  }
}

/** The task with its graphs for other engines than the CPU's. */
export function forTarget(task: TrainingTask, target: Target): TrainingTask {
  return target === 'cpu' ? task : { ...task, ...withInit({ ...task.init, target }) }
}

function withInit(init: TrainingInit): Pick<TrainingTask, 'init' | 'step'> {
  return { init, step: trainingStep(init) }
}
