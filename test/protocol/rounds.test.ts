import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { roundsRequestSchema } from '../../runtime/protocol/index.ts'

const test = suite('rounds')

const workers = { min: 1, max: 2 }

test('a late contribution counts for a hundredth at least: a weight that vanishes is none', () => {
  const asked = (factor: number) => ({ workers, late: { rule: 'weigh', factor, maxAge: 16 } })
  assert.ok(roundsRequestSchema.safeParse(asked(0.01)).success)
  assert.not(roundsRequestSchema.safeParse(asked(1e-200)).success)
})

test('a deadline is an hour off at most: doubled it is still a number of milliseconds that timers know', () => {
  const asked = (leastMs: number) => ({ workers, deadline: { leastMs } })
  assert.ok(roundsRequestSchema.safeParse(asked(3_600_000)).success)
  assert.not(roundsRequestSchema.safeParse(asked(3_600_001)).success)
})

test.run()
