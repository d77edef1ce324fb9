import type { EngineSession } from '../../runtime/compute/engine/index.ts'
import { OnnxRuntimeEngine } from '../../runtime/compute/engine/onnxruntime.ts'
import {
  aggregate,
  compressorOf,
  decodeUpdate,
  encodeUpdate,
  outerStep,
  sliceEnds,
} from '../../runtime/compute/update/index.ts'
import { roomFor } from '../../runtime/data/rows/index.ts'
import type { NamedTensors } from '../../runtime/data/tensor/index.ts'
import type { LearningRate } from '../../runtime/protocol/index.ts'
import { type Learning, learningOf } from './model.ts'
import type { Recipe, Trained } from './recipe.ts'
import { Replica } from './replica.ts'

/** Rows that are judged at once. */
const JUDGED_AT_ONCE = 100

/** Trains by a recipe in this process, all its workers one after the other, and judges what comes out. */
export async function train(recipe: Recipe): Promise<Trained> {
  const start = performance.now()
  return trained(recipe, async (learning, { replicas, bytes }) => {
    const replica = replicas[0]!
    const { length } = replica.layout
    const ring = recipe.steps * ((4 * (recipe.workers - 1)) / recipe.workers) * 4 * length
    const result = await judged(learning, replica)
    return {
      ...result,
      bytes,
      reduction: ring / bytes,
      parameters: length,
      seconds: (performance.now() - start) / 1_000,
    }
  })
}

/** The same, for the tensors that each worker comes to: weights are everybody's, an optimiser's own are not. Copies. */
export async function statesOf(recipe: Recipe): Promise<NamedTensors[]> {
  return trained(recipe, async (_, { replicas }) => replicas.map((replica) => structuredClone(replica.state())))
}

async function trained<T>(recipe: Recipe, use: (learning: Learning, outcome: Outcome) => Promise<T>): Promise<T> {
  const batch = recipe.rounds ? recipe.batch : recipe.batch * recipe.workers
  const learning = await learningOf(recipe, batch)
  const session = await new OnnxRuntimeEngine().load({ graph: learning.step.step })
  try {
    const init = { ...learning, session, seed: recipe.seed, batch, learningRate: scheduleOf(recipe) }
    const outcome = recipe.rounds
      ? await byRounds(recipe, recipe.rounds, () => new Replica(init))
      : await synchronously(recipe, new Replica(init))
    return await use(learning, outcome)
  } finally {
    await session.close()
  }
}

/** The rate grows over the first 5 %, then falls to 5 % along half a cosine. Counted in batches of one worker. */
export function scheduleOf({ rate, steps, workers }: Recipe): LearningRate {
  const totalSteps = steps * workers
  return { kind: 'cosine', rate, warmUpSteps: Math.round(totalSteps / 20), totalSteps, finalShare: 0.05 }
}

interface Outcome {
  readonly replicas: readonly Replica[]
  readonly bytes: number
}

async function synchronously({ steps, workers }: Recipe, replica: Replica): Promise<Outcome> {
  for (let step = 0; step < steps; step++) await replica.step(step, step * workers)
  const bytes = steps * ((4 * (workers - 1)) / workers) * 4 * replica.layout.length
  return { replicas: [replica], bytes }
}

/**
 * DiLoCo as the swarm does it: local steps, compressed differences with error feedback, a reducer a slice (one, below four
 * workers) that compresses the mean again, Nesterov's outer step at each replica.
 */
async function byRounds(
  { workers, steps }: Recipe,
  { localSteps, compression, down = compression, outer }: NonNullable<Recipe['rounds']>,
  replicaOf: () => Replica,
): Promise<Outcome> {
  const replicas = Array.from({ length: workers }, replicaOf)
  const { length, plain } = replicas[0]!.layout
  const [up, back] = [compressorOf(compression), compressorOf(down)]
  const ends = sliceEnds(length, plain, workers < 4 ? 1 : workers)
  const slices = ends.map((end, i) => ({ from: ends[i - 1] ?? 0, to: end, plain: end === length ? plain : 0 }))
  const shared = new Float32Array(length)
  replicas[0]!.read(shared)
  const momentum = new Float32Array(length)
  const residuals = replicas.map(() => new Float32Array(length))
  const reducers: (Float32Array | undefined)[] = slices.map(() => undefined)
  const [local, update] = [new Float32Array(length), new Float32Array(length)]
  let compressed = 0 // bytes of one update up and of what comes back, of all rounds and workers
  for (let done = 0; done < steps; done += localSteps) {
    const count = Math.min(localSteps, steps - done)
    const contributions: Uint8Array[][] = []
    for (const [member, replica] of replicas.entries()) {
      const first = done * workers + member * count
      for (let i = 0; i < count; i++) await replica.step(first + i, (done + i) * workers)
      replica.read(local)
      for (let i = 0; i < length; i++) local[i] = shared[i]! - local[i]!
      contributions.push(
        slices.map(({ from, to, plain }) =>
          encodeUpdate(up, local.subarray(from, to), plain, residuals[member]!.subarray(from, to)),
        ),
      )
    }
    for (const [slice, { from, to, plain }] of slices.entries()) {
      const found = aggregate({
        contributions: contributions.map((bytes, member) => ({ member, bytes: bytes[slice]!, weight: count })),
        aggregation: { rule: 'mean' },
        compressed: compression,
        compression: down,
        length: to - from,
        plain,
        residual: reducers[slice],
      })
      reducers[slice] = found.residual
      decodeUpdate(back, found.update, plain, update.subarray(from, to))
      const sent = contributions.reduce((sum, bytes) => sum + bytes[slice]!.byteLength, 0)
      compressed += sent / workers + found.update.byteLength
    }
    outerStep(shared, momentum, update, outer, plain)
    for (const replica of replicas) replica.write(shared)
  }
  // what a worker sends of its update and gets of the others', sends of its aggregate and gets of theirs
  return { replicas, bytes: compressed * ((2 * (workers - 1)) / workers) }
}

/** Mean loss and accuracy on rows that were not learned from, as far as they fill batches of 100. */
async function judged({ step, validation }: Learning, replica: Replica): Promise<{ loss: number; accuracy?: number }> {
  const session: EngineSession = await new OnnxRuntimeEngine().load({ graph: step.evaluation() })
  try {
    const room = roomFor(validation.columns, JUDGED_AT_ONCE)
    const state = replica.state()
    const weights = Object.fromEntries(
      session.inputs.filter(({ name }) => name in state).map(({ name }) => [name, state[name]!]),
    )
    const sums = new Map(session.outputs.map(({ name }) => [name, 0]))
    const batches = Math.floor(validation.length / JUDGED_AT_ONCE)
    for (let batch = 0; batch < batches; batch++) {
      const rows = Float64Array.from({ length: JUDGED_AT_ONCE }, (_, i) => batch * JUDGED_AT_ONCE + i)
      const outputs = await session.run({ ...weights, ...(await validation.gather(rows, room)) })
      for (const [name, sum] of sums) sums.set(name, sum + scalarOf(outputs[name]!.data) / batches)
    }
    const accuracy = sums.get('accuracy')
    return { loss: sums.get('loss')!, ...(accuracy !== undefined && { accuracy: 100 * accuracy }) }
  } finally {
    await session.close()
  }
}

function scalarOf({ buffer, byteOffset }: Uint8Array): number {
  return new DataView(buffer, byteOffset).getFloat32(0, true)
}
