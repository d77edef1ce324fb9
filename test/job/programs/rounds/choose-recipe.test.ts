import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  chooseRecipe,
  exchangedBytes,
  type MeasuredRounds,
} from '../../../../runtime/job/programs/rounds/choose-recipe.ts'
import { defaultRecipe } from '../../../../runtime/job/programs/rounds/default-recipe.ts'

/** A swarm whose lines carry so much, with so much to wait for beside. */
function measured(
  init: Partial<Omit<MeasuredRounds, 'exchanges'>> & { readonly mbit: number; readonly fixedMs: number },
): MeasuredRounds {
  const { mbit, fixedMs, ...given } = init
  const rest = { stepMs: 40, parameters: 822_353, workers: 4, steps: 2_000, kind: 'transformer', ...given } as const
  const exchanges = ['q2', 'i8'].map((kind) => {
    const bytes = exchangedBytes(rest.parameters, rest.workers, { kind })
    return { bytes, ms: fixedMs + bytes / (mbit * 125) }
  })
  return { ...rest, exchanges }
}

test('gradients at every step where the way is short beside a step, in full where even that is', () => {
  const near = chooseRecipe(measured({ stepMs: 2_000, mbit: 1_000, fixedMs: 10 }))
  assert.is(near.recipe.mode, 'gradient')
  assert.equal(near.recipe.up, { kind: 'f32' })
  assert.is(near.recipe.localSteps, 1)
  const further = chooseRecipe(measured({ stepMs: 2_000, mbit: 100, fixedMs: 20 }))
  assert.is(further.recipe.mode, 'gradient')
  assert.equal(further.recipe.down, { kind: 'i8' })
})

test('over home lines local steps, 2 bits both ways, and why so in one line with the figures', () => {
  const { recipe, why } = chooseRecipe(measured({ mbit: 20, fixedMs: 200 }))
  assert.equal(recipe, {
    mode: 'local',
    localSteps: 16,
    up: { kind: 'q2', block: 128 },
    down: { kind: 'q2', block: 128 },
    outer: { rate: 1, momentum: 0 },
  })
  assert.is(
    why,
    '16 local steps between rounds: a step takes 40 ms on the slowest of 4, gradients would be 1.2 MB as i8 in 697 ms at each, 95 % of the time; now it is 0.33 MB as q2 in 331 ms, 34 %',
  )
})

test('4 bits where few local steps are enough for them', () => {
  const { recipe } = chooseRecipe(measured({ stepMs: 350, mbit: 50, fixedMs: 60 }))
  assert.equal([recipe.up, recipe.down], Array(2).fill({ kind: 'i4', block: 64 }))
  assert.is(recipe.localSteps, 5)
})

test('more steps than are best for the loss where the line takes most of the time all the same, within bounds', () => {
  const slow = { stepMs: 5, mbit: 1, fixedMs: 500 }
  assert.is(chooseRecipe(measured(slow)).recipe.localSteps, 32)
  assert.is(chooseRecipe(measured({ ...slow, steps: 300 })).recipe.localSteps, 16)
  assert.is(chooseRecipe(measured({ ...slow, workers: 8 })).recipe.localSteps, 16)
  assert.is(chooseRecipe(measured({ ...slow, kind: 'other' })).recipe.localSteps, 64)
})

test('gradients are exchanged where there is a step in two parts alone', () => {
  const near = { stepMs: 2_000, mbit: 1_000, fixedMs: 10 }
  assert.is(chooseRecipe(measured({ ...near, inParts: false })).recipe.mode, 'local')
})

test('momentum by model and members', () => {
  const momentum = (given: Partial<MeasuredRounds>) =>
    chooseRecipe(measured({ mbit: 20, fixedMs: 200, ...given })).recipe.outer.momentum
  assert.equal([momentum({}), momentum({ workers: 8 }), momentum({ kind: 'other', stepMs: 5 })], [0, 0.2, 0.5])
})

test('a star carries a contribution of each other member', () => {
  assert.is(exchangedBytes(1_000, 2, { kind: 'f32' }), 8_000)
  assert.is(exchangedBytes(1_000, 3, { kind: 'f32' }), 16_000)
  assert.is(exchangedBytes(1_000, 4, { kind: 'f32' }), 6_000)
})

test('one size alone, and figures that slope the wrong way, still lead to a recipe', () => {
  const base = measured({ mbit: 20, fixedMs: 200 })
  const one = chooseRecipe({ ...base, exchanges: base.exchanges.slice(0, 1) })
  assert.is(one.recipe.mode, 'local')
  const [small, large] = base.exchanges as [{ bytes: number; ms: number }, { bytes: number; ms: number }]
  const noisy = chooseRecipe({ ...base, exchanges: [small, { ...large, ms: small.ms / 2 }] })
  assert.is(noisy.recipe.mode, 'local')
  assert.is(chooseRecipe({ ...base, exchanges: [{ bytes: 0, ms: 0 }] }).recipe.mode, 'gradient')
  assert.throws(() => chooseRecipe({ ...base, exchanges: [] }))
})

test('gradients travel as they are where nothing else is said', () => {
  const rounds = { sync: 'gradients', recipe: {} } as const
  const { mode, localSteps, up, down } = defaultRecipe(rounds, { kind: 'other', members: 4, batches: 100 })
  assert.equal([mode, localSteps, up, down], ['gradient', 1, { kind: 'f32' }, { kind: 'f32' }])
})

test.run()
