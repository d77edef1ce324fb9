import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit, seededRandom } from '../../../runtime/base/index.ts'
import { setBits } from '../../../runtime/data/blob/bitmap.ts'
import { type ChunkOrder, ChunkPlan, SECOND_COPY_AFTER_MS } from '../../../runtime/data/blob/chunk-plan.ts'

const indexOf = (order: ChunkOrder | undefined) => (order?.type === 'chunk' ? order.index : order?.type)
const choiceOf = (order: ChunkOrder | undefined) =>
  order?.type === 'any' ? [...setBits(order.wanted, order.wanted.byteLength * 8)].map((bit) => order.from + bit) : order

/** A plan with providers 0, 1, ... that have everything. */
function planFor(missing: number[], providers = 3): ChunkPlan {
  const plan = new ChunkPlan(10, missing)
  for (let i = 0; i < providers; i++) plan.join(i)
  return plan
}

test('chunks are handed out once each, in order', () => {
  const plan = planFor([3, 5, 8])
  assert.equal(
    [0, 1, 0].map((provider) => indexOf(plan.order(provider, 0))),
    [3, 5, 8],
  )
  assert.is(plan.order(1, 0), undefined)
  for (const chunk of [5, 3, 8]) {
    assert.not(plan.finished)
    assert.ok(plan.isWanted(chunk))
    plan.arrived(chunk)
    assert.not(plan.isWanted(chunk))
  }
  assert.ok(plan.finished)
  assert.ok(planFor([]).finished)
})

test('as much is under way with a provider as hides the way there and back', () => {
  const missing = Array.from({ length: 1_000 }, (_, i) => i)
  const underWay = (paceMs: number) => {
    const plan = new ChunkPlan(1_000, missing)
    plan.join(0)
    let now = 0
    const open: number[] = []
    for (let i = 0; i < 50; i++) {
      for (let order = plan.order(0, now); order; order = plan.order(0, now)) open.push(Number(indexOf(order)))
      now += paceMs
      const chunk = open.shift()!
      plan.answered(0, chunk, now)
      plan.arrived(chunk)
    }
    return open.length + 1
  }
  assert.equal([1_700, 100, 50, 10].map(underWay), [2, 4, 6, limit('blobWindowChunks')])
})

test('a late chunk is asked of one more provider, an idle one', () => {
  const plan = planFor([0])
  plan.order(0, 0)
  const late = SECOND_COPY_AFTER_MS
  assert.is(plan.order(1, late - 1), undefined)
  assert.is(plan.order(0, late), undefined)
  assert.is(indexOf(plan.order(1, late)), 0)
  assert.is(plan.order(2, 2 * late), undefined)
  plan.release(0)
  assert.ok(plan.isWanted(0))
  plan.arrived(0)
  assert.ok(plan.finished)
})

test('on a slow link a chunk is late later', () => {
  const plan = planFor([0, 1])
  plan.order(0, 0)
  plan.answered(0, 0, 2_500)
  plan.arrived(0)
  plan.order(0, 2_500)
  assert.is(plan.order(1, 12_000), undefined)
  assert.is(indexOf(plan.order(1, 12_500)), 1)
})

test('what a provider leaves undone is handed out again', async () => {
  const plan = planFor([0, 1])
  plan.order(0, 0)
  plan.order(0, 0)
  const changed = plan.changed()
  plan.release(0)
  await changed
  assert.equal([plan.order(1, 0), plan.order(1, 0)].map(indexOf).sort(), [0, 1])
})

/** A plan of co-workers 1 and 2 and an origin 0. */
function spreadPlan(chooses: boolean): ChunkPlan {
  const plan = new ChunkPlan(10, [0, 1, 2, 3, 4], seededRandom(5))
  plan.join(0, { origin: true, chooses })
  plan.join(1, { have: [0, 1] })
  plan.join(2, { have: [1] })
  return plan
}

test('the rarest chunk comes first, and the origin is asked for what no co-worker has', () => {
  const plan = spreadPlan(false)
  assert.is(indexOf(plan.order(1, 0)), 0, 'chunk 1 is at two places')
  assert.equal(
    [plan.order(0, 0), plan.order(0, 0)].map(indexOf).every((chunk) => Number(chunk) >= 2),
    true,
  )
  assert.is(indexOf(plan.order(2, 0)), 1)
  assert.is(plan.order(2, 0), undefined, 'it has nothing else')
  plan.note(2, [2, 3, 4])
  assert.ok(Number(indexOf(plan.order(2, 0))) >= 2, 'and now it has')
})

test('an origin that chooses is shown what nobody has; what it holds back is asked for by name after a while', () => {
  const plan = spreadPlan(true)
  const order = plan.order(0, 0)
  assert.equal(choiceOf(order), [2, 3, 4])
  plan.answered(0, 3, 100)
  plan.arrived(3)
  assert.equal(choiceOf(plan.order(0, 100)), [2, 4])
  plan.heldBack(0, [2, 4], 100)
  assert.is(plan.order(0, 200), undefined, 'it has just said no')
  assert.equal(choiceOf(plan.order(0, 700)), [2, 4])
  plan.note(1, [4])
  plan.heldBack(0, [2, 4], 800)
  assert.is(indexOf(plan.order(0, 100 + SECOND_COPY_AFTER_MS)), 2)
  assert.is(plan.order(0, 100 + SECOND_COPY_AFTER_MS), undefined, 'chunk 4 is at a co-worker')
})

test('when co-workers are far slower than the origin, its line is not saved', () => {
  const plan = new ChunkPlan(10, [0, 1, 2, 3, 4, 5, 6, 7], seededRandom(1))
  plan.join(0, { origin: true })
  plan.join(1, { have: [0, 1, 2, 3, 4, 5, 6, 7] })
  const slow = Number(indexOf(plan.order(1, 0)))
  assert.is(plan.order(0, 0), undefined)
  plan.answered(1, slow, 5_000)
  plan.arrived(slow)
  plan.order(1, 5_000)
  plan.order(1, 5_000)
  assert.is(plan.order(0, 5_000), undefined, 'nothing is known of its pace')
  plan.note(1, [])
  const late = indexOf(plan.order(0, 5_000 + limit('blobReplyMs')))
  plan.answered(0, Number(late), 5_010 + limit('blobReplyMs'))
  plan.arrived(Number(late))
  assert.type(indexOf(plan.order(0, 5_010 + limit('blobReplyMs'))), 'number')
})

test('whatever providers do, every chunk arrives once somebody lasts', () => {
  const random = seededRandom(3)
  for (let round = 0; round < 200; round++) {
    const count = Math.floor(random.float() * 30)
    const all = Array.from({ length: count }, (_, i) => i)
    const plan = new ChunkPlan(count, all, round % 2 === 0 ? undefined : seededRandom(round))
    const asked: ChunkOrder[][] = [[], [], []]
    const join = (id: number) =>
      plan.join(
        id,
        round % 2 === 0 ? {} : id === 0 ? { origin: true, chooses: true } : { have: all.filter((i) => i % id === 0) },
      )
    for (const id of asked.keys()) join(id)
    const here = new Set<number>()
    for (let now = 0; !plan.finished; now += 700) {
      const id = Math.floor(random.float() * 3)
      const orders = asked[id]!
      const chance = random.float()
      if (chance < 0.5) {
        const order = plan.order(id, now)
        if (order) orders.push(order)
      } else if (chance < 0.9) {
        const order = orders.shift()
        if (!order) continue
        const choice = order.type === 'any' ? (choiceOf(order) as number[]) : [order.index]
        const chunk = choice[Math.floor(random.float() * choice.length)]!
        if (order.type === 'any' && random.float() < 0.3) {
          plan.heldBack(id, choice, now)
          continue
        }
        const wanted = plan.isWanted(chunk)
        plan.answered(id, chunk, now)
        if (!wanted) continue
        assert.not(here.has(chunk))
        here.add(chunk)
        plan.arrived(chunk)
      } else {
        orders.length = 0
        plan.release(id)
        join(id)
      }
      assert.ok(now < 700 * 5000, 'no progress')
    }
    assert.is(here.size, count)
  }
})

test.run()
