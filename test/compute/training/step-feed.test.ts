import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { stepSignatureOf } from '../../../runtime/compute/graph/training/step-signature.ts'
import { FeedMemory, StepFeeder } from '../../../runtime/compute/training/index.ts'
import { memoryTable } from '../../../runtime/data/rows/index.ts'
import { trainShard } from '../../support/training-shard.ts'
import { linearRows, linearStep } from '../../support/training-step.ts'

const test = suite('what steps are fed')

const AHEAD = 2
const signature = stepSignatureOf(linearStep())
const table = memoryTable(linearRows(60))

/** The groups of a shard of steps that are told to be so short: how many steps each has, and where its batches lie. */
async function groupsOf(steps: number, memory?: FeedMemory) {
  const data = { ...trainShard().data, rows: 40 }
  const shard = { ...trainShard({ steps, commitEvery: 100 }), data }
  const feeder = new StepFeeder({ shard, signature, table, ahead: AHEAD, memory })
  feeder.memory.groupSteps = 3
  const counts: number[] = []
  const places = new Set<ArrayBufferLike>()
  for await (const { steps } of feeder.groups()) {
    counts.push(steps.length)
    for (const { tensors } of steps) places.add(tensors.x!.data.buffer)
  }
  return { counts, places }
}

test('the first group, which the engine waits for, is of one step', async () => {
  assert.equal((await groupsOf(8)).counts, [1, 3, 3, 1])
})

test('a later shard takes over the memory of the one before, which is as large as needed', async () => {
  const memory = new FeedMemory()
  const [first, second] = [await groupsOf(8, memory), await groupsOf(8, memory)]
  assert.is(first.places.size, AHEAD)
  assert.is(new Set([...first.places, ...second.places]).size, AHEAD, 'memory of its own')
  for (const other of [await groupsOf(1, memory), await groupsOf(8)])
    assert.not.ok(
      [...other.places].some((place) => first.places.has(place)),
      'room that is too large, or of another training',
    )
})

test.run()
