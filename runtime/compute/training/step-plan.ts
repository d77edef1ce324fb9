import { userError } from '../../base/index.ts'
import { type BatchRange, learningRateAt, type TrainShard } from '../../protocol/index.ts'

/** What a plan follows from. */
export type PlannedShard = Pick<TrainShard, 'fromStep' | 'steps' | 'learningRate' | 'commitEvery' | 'replica'>

/** Steps that go on from each other: their batches follow one another, and nothing is to be hashed before the last. */
export interface StepRun {
  /** Number of the first step among those of the shard. */
  readonly at: number
  /** Number of its batch. */
  readonly batch: number
  readonly count: number
  readonly commit: boolean
}

/**
 * Which batch each step of a shard learns from, and at which rate. A training on one worker takes batch n in step n; in a
 * training by rounds the shard names its batches, and the schedule follows what all members learn from together.
 */
export class StepPlan {
  readonly #shard: PlannedShard
  readonly #runs: readonly BatchRange[]

  /** Throws `train.batches` when there are not as many batches as steps. */
  constructor(shard: PlannedShard) {
    const { fromStep, steps, replica } = shard
    this.#shard = shard
    this.#runs = replica?.batches ?? (steps > 0 ? [{ from: fromStep, count: steps }] : [])
    const batches = this.#runs.reduce((sum, { count }) => sum + count, 0)
    if (batches !== steps)
      throw userError('train.batches', `expected a batch for each of ${steps} steps, found ${batches} batches`)
  }

  /** The steps from number `at` of the shard on that can go together: within one pass of `stepsPerEpoch`, `most` of them. */
  runFrom(at: number, stepsPerEpoch: number, most: number): StepRun {
    const { fromStep, steps, commitEvery, replica } = this.#shard
    const { batch, left } = this.#batchOf(at)
    const toEpochEnd = stepsPerEpoch - (batch % stepsPerEpoch)
    const toCommit = commitEvery - ((fromStep + at) % commitEvery)
    const count = Math.min(Math.max(1, most), left, toEpochEnd, toCommit)
    const end = at + count
    // Gradients leave the state as it was when the rounds before were applied, which was told then.
    const changes = replica?.mode !== 'gradient'
    return { at, batch, count, commit: changes && ((fromStep + end) % commitEvery === 0 || end === steps) }
  }

  /** The learning rate of step number `at` of the shard. f32. */
  rateAt(at: number): number {
    const { fromStep, learningRate, replica } = this.#shard
    return learningRateAt(learningRate, replica ? replica.position + at * replica.stride : fromStep + at)
  }

  #batchOf(at: number): { readonly batch: number; readonly left: number } {
    let before = 0
    for (const { from, count } of this.#runs) {
      if (at < before + count) return { batch: from + at - before, left: before + count - at }
      before += count
    }
    throw new RangeError(`step ${at} is none of the shard`)
  }
}
