import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { StepPlan, type StepRun } from '../../../runtime/compute/training/step-plan.ts'
import { learningRateAt, type TrainShard } from '../../../runtime/protocol/index.ts'
import { refusesSync } from '../../data/refusal.ts'
import { replicaShard } from '../../support/round-shards.ts'

const COSINE: TrainShard['learningRate'] = {
  kind: 'cosine',
  rate: 1,
  warmUpSteps: 10,
  totalSteps: 100,
  finalShare: 0.1,
}

/** All runs of a shard, `most` steps at once, ten batches a pass. */
function runsOf(shard: TrainShard, most: number): StepRun[] {
  const plan = new StepPlan(shard)
  const runs: StepRun[] = []
  for (let at = 0; at < shard.steps; at += runs.at(-1)!.count) runs.push(plan.runFrom(at, 10, most))
  return runs
}

test('a shard of one worker takes batch n in step n, a replica the batches that it is given', () => {
  const { replica, ...alone } = replicaShard({ slices: [9], steps: 12 })
  const chain = { ...alone, fromStep: 5, learningRate: COSINE, commitEvery: 8 }
  assert.equal(
    runsOf(chain, 64).map(({ batch, count, commit }) => [batch, count, commit]),
    [
      [5, 3, true], // a hash after step 8
      [8, 2, false], // the end of a pass
      [10, 6, true],
      [16, 1, true], // the end
    ],
  )
  const batches = [
    { from: 40, count: 4 },
    { from: 8, count: 8 },
  ]
  const given = { ...chain, replica: { ...replica, batches } }
  assert.equal(
    runsOf(given, 3).map(({ at, batch, count }) => [at, batch, count]),
    [
      [0, 40, 3],
      [3, 43, 1],
      [4, 8, 2],
      [6, 10, 3],
      [9, 13, 2],
      [11, 15, 1],
    ],
  )
})

test('the schedule of a replica follows what all members learn from', () => {
  const shard = { ...replicaShard({ slices: [9], steps: 4, position: 41.5, stride: 2.5 }), learningRate: COSINE }
  const plan = new StepPlan(shard)
  assert.is(plan.rateAt(3), learningRateAt(COSINE, 41.5 + 3 * 2.5))
  const { replica: _, ...alone } = shard
  assert.is(new StepPlan(alone).rateAt(3), learningRateAt(COSINE, shard.fromStep + 3))
})

test('there is a batch for each step', () => {
  const shard = replicaShard({ slices: [9], steps: 4, batches: [{ from: 0, count: 3 }] })
  refusesSync('train.batches', () => new StepPlan(shard))
  new StepPlan({ ...shard, steps: 0, replica: { ...shard.replica, batches: [] } }) // a snapshot has none
})

test.run()
