import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { assertExact } from './exactness.ts'
import { play } from './trouble.ts'

const test = suite('training by rounds, whatever happens')

const first = Number(process.env.ROUNDS_SEED ?? 1)
const count = Number(process.env.ROUNDS_SEEDS ?? 40)

/**
 * Seeds that failed once: a shard that a peer was asked for in the place of another one, which is the same shard; a restart
 * after going back; the last snapshot, of what is with a member that is gone.
 */
const ONCE_WRONG = [1296, 1361, 1441]

test(`${count} runs from seed ${first} on end with exactly their batches`, () => {
  const wrong: string[] = []
  for (const seed of [...ONCE_WRONG, ...Array.from({ length: count }, (_, i) => first + i)]) {
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
