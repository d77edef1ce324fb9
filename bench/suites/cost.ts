import { randomBytes } from 'node:crypto'
import { characterModel } from '../../notebooks/models/character-model.ts'
import { cnn } from '../../notebooks/models/cnn.ts'
import { mlp } from '../../notebooks/models/mlp.ts'
import { OnnxRuntimeEngine } from '../../runtime/compute/engine/onnxruntime.ts'
import {
  adam,
  attention,
  conv2d,
  costOfModel,
  crossEntropy,
  dense,
  embedding,
  flatten,
  type GraphCost,
  gelu,
  globalAveragePool,
  type Layer,
  layerNorm,
  readModel,
  relu,
  residual,
  sequential,
  type TrainingStep,
  trainingStep,
} from '../../runtime/compute/graph/index.ts'
import { elementCount } from '../../runtime/data/tensor/check.ts'
import { DTYPES, type NamedTensors, type Tensor, tensorOf } from '../../runtime/data/tensor/index.ts'
import { type Check, median, type Suite } from '../report.ts'

/** A graph to count and to time. */
interface Subject {
  readonly name: string
  readonly graph: Uint8Array
  readonly inputs: readonly {
    readonly name: string
    readonly dtype: Tensor['dtype']
    readonly shape: readonly number[]
  }[]
  readonly dimensions: Readonly<Record<string, number>>
}

/** What a model is made for here. */
interface Case {
  readonly model: Layer
  readonly input: { readonly dtype: 'uint8' | 'float32' | 'int64'; readonly shape: readonly number[] }
  /** Shape of one sample's labels: default a class. */
  readonly labels?: readonly number[]
  readonly batchSize: number
}

const convolutions = Array.from({ length: 3 }, () => [conv2d(64, 3, { padding: 'same' }), relu()]).flat()

const CASES: Readonly<Record<string, Case>> = {
  mlp: { model: mlp, input: { dtype: 'uint8', shape: [28, 28] }, batchSize: 128 },
  cnn: { model: cnn, input: { dtype: 'uint8', shape: [28, 28] }, batchSize: 128 },
  lm: {
    model: characterModel({ vocabulary: 96, layers: 2 }),
    input: { dtype: 'int64', shape: [64] },
    labels: [64],
    batchSize: 8,
  },
  convolutions: {
    model: sequential([conv2d(64, 3, { padding: 'same' }), ...convolutions, globalAveragePool(), dense(10)]),
    input: { dtype: 'float32', shape: [3, 32, 32] },
    batchSize: 4,
  },
  elementwise: {
    model: sequential([...Array.from({ length: 4 }, () => residual([layerNorm(), gelu()])), dense(10)]),
    input: { dtype: 'float32', shape: [1_024] },
    batchSize: 256,
  },
  vocabulary: {
    model: sequential([embedding(8_192, 64), flatten(), dense(8_192)]),
    input: { dtype: 'int64', shape: [4] },
    batchSize: 64,
  },
}

/** What a core computes while a byte comes from its caches, roughly: what makes one number of both. */
const OPERATIONS_PER_BYTE = 8

/** Only used as it is, not trained: the work of one long attention. */
const LONG_ATTENTION: Case = {
  model: sequential([attention({ heads: 4, causal: true })]),
  input: { dtype: 'float32', shape: [512, 64] },
  labels: [512],
  batchSize: 1,
}

/**
 * Whether what a graph costs, counted without running it, orders graphs as their run times do: Spearman's rank
 * correlation over inference and training steps of different models, on one thread.
 */
export const suite: Suite = async ({ full, say }) => {
  const subjects = subjectsOf()
  const rounds = full ? 9 : 5
  const found: { readonly name: string; readonly cost: GraphCost; readonly ms: number }[] = []
  for (const subject of subjects) {
    const cost = costOfModel(readModel(subject.graph), { dimensions: subject.dimensions })
    const ms = await runMs(subject, rounds)
    found.push({ name: subject.name, cost, ms })
    const { operations, bytesMoved, parameters, activationBytes } = cost
    say(
      `${subject.name}: ${ms.toFixed(2)} ms, ${(operations / 1e6).toFixed(1)} M operations, ${(bytesMoved / 1e6).toFixed(1)} MB moved, ` +
        `${parameters} parameters, ${(activationBytes / 1e6).toFixed(1)} MB alive at most`,
    )
  }
  const times = found.map(({ ms }) => ms)
  const correlation = (what: string, of: (cost: GraphCost) => number): Check => {
    const value = spearman(
      found.map(({ cost }) => of(cost)),
      times,
    )
    return { name: `rank_correlation_${what}`, unit: 'rho', value }
  }
  const checks = [
    correlation('operations', ({ operations }) => operations),
    correlation('bytes', ({ bytesMoved }) => bytesMoved),
    correlation('both', ({ operations, bytesMoved }) => operations + OPERATIONS_PER_BYTE * bytesMoved),
    { name: 'graphs', unit: '', value: found.length },
  ]
  return { checks, seed: 0, n: rounds }
}

function subjectsOf(): Subject[] {
  const trained = Object.entries(CASES).flatMap(([name, each]) => {
    const step = stepOf(each)
    return [
      inferenceOf(name, step, each),
      { name: `${name} step`, graph: step.step, inputs: stepInputs(step), dimensions: {} },
    ]
  })
  return [...trained, inferenceOf('attention', stepOf(LONG_ATTENTION), LONG_ATTENTION)]
}

function stepOf({ model, input, labels = [], batchSize }: Case): TrainingStep {
  const inputs = { x: input, labels: { dtype: 'int64' as const, shape: labels } }
  return trainingStep({ model, loss: crossEntropy(), optimizer: adam(), inputs, batchSize })
}

function inferenceOf(name: string, step: TrainingStep, { input, batchSize }: Case): Subject {
  const inputs = [{ name: 'x', dtype: input.dtype, shape: [batchSize, ...input.shape] }]
  return { name, graph: step.inference(step.initialState()), inputs, dimensions: { batch: batchSize } }
}

function stepInputs({ signature }: TrainingStep): Subject['inputs'] {
  const scalars = Object.values(signature.scalars)
    .filter((name) => name !== undefined)
    .map((name) => ({ name, dtype: 'float32' as const, shape: [] }))
  return [...signature.state, ...signature.batch, ...scalars]
}

/** Median of `rounds` runs after one, one thread, ms. */
async function runMs({ graph, inputs }: Subject, rounds: number): Promise<number> {
  const session = await new OnnxRuntimeEngine().load({ graph })
  try {
    const feeds: NamedTensors = Object.fromEntries(inputs.map((input) => [input.name, feedOf(input)]))
    await session.run(feeds)
    const times: number[] = []
    for (let i = 0; i < rounds; i++) {
      const startMs = performance.now()
      await session.run(feeds)
      times.push(performance.now() - startMs)
    }
    return median(times.sort((a, b) => a - b))
  } finally {
    await session.close()
  }
}

/** Small numbers of any kind: classes and tokens that every model here has, and states that stay finite. */
function feedOf({ dtype, shape }: Subject['inputs'][number]): Tensor {
  const count = elementCount(shape)
  if (dtype === 'float32')
    return tensorOf(
      Float32Array.from({ length: count }, (_, i) => 0.01 + (i % 7) / 100),
      shape,
    )
  if (dtype === 'int64')
    return tensorOf(
      BigInt64Array.from({ length: count }, (_, i) => BigInt(i % 10)),
      shape,
    )
  return { dtype, shape, data: new Uint8Array(randomBytes(count * DTYPES[dtype])) }
}

/** Spearman 1904: the correlation of ranks, where no two are equal. */
function spearman(a: readonly number[], b: readonly number[]): number {
  const ranks = (values: readonly number[]) => {
    const order = values.map((_, i) => i).sort((i, j) => values[i]! - values[j]!)
    const rank = new Array<number>(values.length)
    order.forEach((index, at) => {
      rank[index] = at
    })
    return rank
  }
  const [x, y] = [ranks(a), ranks(b)]
  const n = a.length
  const squares = x.reduce((sum, rank, i) => sum + (rank - y[i]!) ** 2, 0)
  return Math.round((1 - (6 * squares) / (n * (n * n - 1))) * 1e4) / 1e4
}
