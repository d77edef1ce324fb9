import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { assertExact } from './exactness.ts'
import { play } from './trouble.ts'

const test = suite('training by rounds, whatever happens')

const first = Number(process.env.ROUNDS_SEED ?? 1)
const count = Number(process.env.ROUNDS_SEEDS ?? 40)

test(`${count} runs from seed ${first} on end with exactly their batches`, () => {
  const wrong: string[] = []
  for (let seed = first; seed < first + count; seed++) {
    try {
      const run = play(seed)
      assert.equal(run.done, { ok: true })
      assertExact(run)
    } catch (error) {
      wrong.push(`seed ${seed}: ${(error as Error).message.slice(0, 2000)}`)
    }
  }
  assert.equal(wrong, [])
})

test.run()
