import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readAhead } from '../../../runtime/data/sources/read-ahead.ts'

/** Counts to `last`, and how many calls have begun. */
function counter(last: number) {
  const state = { begun: 0 }
  const next = async (): Promise<IteratorResult<number, undefined>> => {
    const value = ++state.begun
    await new Promise((resolve) => setImmediate(resolve))
    return value > last ? { done: true, value: undefined } : { done: false, value }
  }
  return { state, next }
}

test('everything comes once and in order', async () => {
  for (const depth of [1, 3, 100]) {
    const { next } = counter(10)
    assert.equal(await Array.fromAsync(readAhead(next, depth)), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  }
})

test('nothing is begun before it is asked for, nor beyond the depth', async () => {
  const { state, next } = counter(100)
  const ahead = readAhead(next, 3)
  assert.is(state.begun, 0)
  await ahead.next()
  await new Promise((resolve) => setTimeout(resolve, 10))
  assert.is(state.begun, 4) // one taken, three ahead
  await ahead.return()
  assert.is(state.begun, 4)
})

test('an error comes where it belongs, and what came before it first', async () => {
  let call = 0
  const taken: number[] = []
  const next = async () => {
    const value = ++call
    if (value >= 3) throw new Error(`call ${value}`)
    return { done: false, value } as const
  }
  try {
    for await (const value of readAhead(next, 4)) taken.push(value)
    assert.unreachable()
  } catch (error) {
    assert.is((error as Error).message, 'call 3')
  }
  assert.equal(taken, [1, 2])
})

test.run()
