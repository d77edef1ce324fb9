import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { assertExact } from './exactness.ts'
import { optionsOf, VirtualRun } from './virtual-run.ts'

const test = suite('training by rounds')

test('members learn from batches of their own, and every batch counts once', () => {
  const run = new VirtualRun(optionsOf(), [10, 10, 10])
  run.run()
  assert.equal(run.done, { ok: true })
  assertExact(run)
  const outcomes = run.journal.parts.flatMap(({ round }) => round ?? [])
  assert.is(outcomes.length, 9)
  assert.equal(
    outcomes.map(({ counted }) => counted.map(({ weight }) => weight)),
    [...Array(8).fill([4, 4, 4]), [2, 1, 1]],
  )
  assert.equal(run.journal.parts.at(-1)?.checkpoint?.step, 100)
})

test.run()
