import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { assertExact } from './exactness.ts'
import { optionsOf, ref, VirtualRun } from './virtual-run.ts'

const test = suite('how members are kept together, chosen by rounds on trial')

/** Four members whose steps take so long; what is sent takes no time, a shard some. */
function auto(stepMs: number, inParts = true): VirtualRun {
  const model = (name: string) => ({ graph: ref(name), weights: [] })
  const rounds = {
    length: 100_000,
    plain: 10,
    ...(inParts && { gradient: model('gradient'), update: model('update') }),
  }
  const options = optionsOf({ rounds: { sync: 'auto', recipe: {} }, training: { steps: 800, rounds } })
  const run = new VirtualRun(options, [stepMs, stepMs, stepMs, stepMs])
  run.run()
  assert.equal(run.done, { ok: true })
  assertExact(run)
  return run
}

const firstOf = (run: VirtualRun) => run.journal.rounds.get(0)!.recipe

test('gradients where steps take long, local steps where they are short or the step is in one part', () => {
  const gradients = auto(5_000)
  assert.is(firstOf(gradients).mode, 'gradient')
  const shards = gradients.placed.flatMap(({ spec }) => (spec.kind === 'train' ? (spec.replica ?? []) : []))
  const last = shards.findLast(({ updates }) => updates.length > 0)!
  assert.equal(
    last.rates,
    last.updates.map(() => 1),
    'a rate for the step of each round',
  )
  assert.is(firstOf(auto(1)).mode, 'local')
  assert.is(firstOf(auto(5_000, false)).mode, 'local')
})

test.run()
