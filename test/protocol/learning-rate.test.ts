import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type LearningRate, learningRateAt, learningRateSchema } from '../../runtime/protocol/index.ts'

const test = suite('learning rate')

const rates = (schedule: LearningRate, ...steps: number[]) => steps.map((step) => learningRateAt(schedule, step))
const close = (found: number[], expected: number[]) =>
  assert.ok(
    found.every((rate, i) => Math.abs(rate - expected[i]!) < 1e-7),
    `${found} instead of ${expected}`,
  )

test('a constant stays, rounded to f32', () => {
  assert.equal(rates({ kind: 'constant', rate: 0.1 }, 0, 1e6), [Math.fround(0.1), Math.fround(0.1)])
})

test('a cosine warms up in a line, passes the middle between both ends, and stays at its end', () => {
  const cosine = { kind: 'cosine', rate: 1, warmUpSteps: 10, totalSteps: 110, finalShare: 0.2 } as const
  close(rates(cosine, 0, 4, 9, 10, 60, 110, 500), [0.1, 0.5, 1, 1, 0.6, 0.2, 0.2])
})

test('a cosine without a warm-up begins at its rate, and one that is over before it has fallen is at its end', () => {
  close(rates({ kind: 'cosine', rate: 2, warmUpSteps: 0, totalSteps: 4, finalShare: 0 }, 0, 2, 4), [2, 1, 0])
  close(rates({ kind: 'cosine', rate: 2, warmUpSteps: 4, totalSteps: 4, finalShare: 0 }, 3, 5), [2, 0])
})

test('a decay falls every so many steps', () => {
  const decay = { kind: 'decay', rate: 1, everySteps: 100, factor: 0.5 } as const
  close(rates(decay, 0, 99, 100, 250), [1, 1, 0.5, 0.25])
})

test('rates that no training survives are refused', () => {
  for (const rate of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.not(learningRateSchema.safeParse({ kind: 'constant', rate }).success)
})

test.run()
