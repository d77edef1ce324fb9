import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DiskBudget } from '../../../runtime/data/blob/index.ts'
import { refuses } from '../refusal.ts'

/** A part of the node that holds `held` bytes and can give up `loose` of them. */
function user(name: string, held: number, loose = 0) {
  return {
    name,
    asked: [] as number[],
    usage: () => held,
    async evict(bytes: number) {
      this.asked.push(bytes)
      await Promise.resolve()
      const freed = Math.min(loose, bytes)
      held -= freed
      loose -= freed
      return freed
    },
  }
}

test('everything that takes disk counts towards one limit', async () => {
  const budget = new DiskBudget(100)
  budget.register({ name: 'log', usage: () => 30 })
  const remove = budget.register({ name: 'cache', usage: () => 20 })
  const reservation = await budget.reserve(40)
  assert.equal(budget.usage(), { totalBytes: 90, byUser: { log: 30, cache: 20, reserved: 40 } })
  const error = await refuses('disk.budget', budget.reserve(11))
  assert.match(error.message, 'log 30, cache 20, reserved 40')
  assert.ok(error.retryable)
  await refuses('disk.budget', reservation.grow(11))
  await reservation.grow(10)
  assert.is(budget.usage().totalBytes, 100)
  reservation.release()
  reservation.release()
  assert.is(budget.usage().totalBytes, 50)
  remove()
  assert.is(budget.usage().totalBytes, 30)
})

test('who can give something up is asked in turn, for no more than is needed', async () => {
  const budget = new DiskBudget(100)
  const [log, cache, blobs] = [user('log', 20), user('cache', 40, 15), user('blobs', 40, 40)]
  for (const each of [log, cache, blobs]) budget.register(each)
  await budget.reserve(20)
  assert.equal([log.asked, cache.asked, blobs.asked], [[20], [20], [5]])
  assert.is(budget.usage().totalBytes, 100)
})

test('space that was evicted for one writer is not taken by another meanwhile', async () => {
  const budget = new DiskBudget(100)
  const nextTurn = () => new Promise((resolve) => setImmediate(resolve))
  let held = 100
  budget.register({
    name: 'cache',
    usage: () => held,
    async evict(bytes) {
      held -= bytes
      await nextTurn()
      await nextTurn()
      return bytes
    },
  })
  const first = budget.reserve(10)
  await nextTurn()
  await Promise.all([first, budget.reserve(10)])
  assert.equal(budget.usage().byUser, { cache: 80, reserved: 20 })
})

test('a failing eviction fails its own reservation and no later one', async () => {
  const budget = new DiskBudget(10)
  let broken = true
  budget.register({
    name: 'cache',
    usage: () => (broken ? 10 : 0),
    async evict() {
      throw new Error('cannot')
    },
  })
  assert.is((await budget.reserve(1).catch((error) => error)).message, 'cannot')
  broken = false
  await budget.reserve(10)
})

test('without a limit everything fits', async () => {
  await new DiskBudget().reserve(2 ** 50)
})

test.run()
