import type { StepFeed } from '../../runtime/compute/engine/index.ts'
import { batchSizeOf, StepFeeder } from '../../runtime/compute/training/index.ts'
import type { NamedTensors } from '../../runtime/data/tensor/index.ts'
import type { TrainShard } from '../../runtime/protocol/index.ts'
import type { TrainingTask } from './task.ts'

/** Where a benchmark's bytes are does not matter: it hands them over itself. */
export const NOWHERE = { blob: '0'.repeat(64), sizeBytes: 0 }

/** Some steps of a task as the shard that a worker would be given. `commitEvery`: default 100 steps. */
export function shardOf(
  { table, seed, learningRate }: TrainingTask,
  { fromStep, steps, commitEvery = 100 }: { fromStep: number; steps: number; commitEvery?: number },
): TrainShard {
  return {
    kind: 'train',
    model: { graph: NOWHERE, weights: [] },
    state: NOWHERE,
    data: { table: NOWHERE, firstRow: 0, rows: table.length },
    fromStep,
    steps,
    seed,
    learningRate,
    commitEvery,
  }
}

/** The batches of the first steps, in memory of their own: what a worker would gather. */
export async function feedsOf(task: TrainingTask, steps: number): Promise<StepFeed[]> {
  const { table, step } = task
  const shard = shardOf(task, { fromStep: 0, steps })
  const feeder = new StepFeeder({ shard, signature: step.signature, table, ahead: steps })
  const feeds: StepFeed[] = []
  for await (const group of feeder.groups()) feeds.push(...group.steps)
  return feeds
}

/** Batches by column, one after the other: `[batches, batch, ...]`. */
export function stacked(feeds: readonly StepFeed[]): NamedTensors {
  return Object.fromEntries(
    Object.entries(feeds[0]!.tensors).map(([name, { dtype, shape }]) => [
      name,
      { dtype, shape: [feeds.length, ...shape], data: Buffer.concat(feeds.map(({ tensors }) => tensors[name]!.data)) },
    ]),
  )
}

/** Samples of a step. */
export function samplesPerStep({ step, samplesPerRow }: TrainingTask): number {
  return batchSizeOf(step.signature) * samplesPerRow
}
