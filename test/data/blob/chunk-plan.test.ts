import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../runtime/base/index.ts'
import { ChunkPlan, SECOND_COPY_AFTER_MS } from '../../../runtime/data/blob/chunk-plan.ts'

test('chunks are handed out once each, in order', () => {
  const plan = new ChunkPlan([3, 5, 8])
  assert.equal([plan.claim(0, true, 0), plan.claim(1, true, 0), plan.claim(0, false, 0)], [3, 5, 8])
  assert.is(plan.claim(1, true, 0), undefined)
  for (const chunk of [5, 3, 8]) {
    assert.not(plan.finished)
    assert.ok(plan.isWanted(chunk))
    plan.arrived(chunk)
    assert.not(plan.isWanted(chunk))
  }
  assert.ok(plan.finished)
  assert.ok(new ChunkPlan([]).finished)
})

test('a late chunk is asked of one more provider, an idle one', () => {
  const plan = new ChunkPlan([0])
  plan.claim(0, true, 0)
  const late = SECOND_COPY_AFTER_MS
  assert.is(plan.claim(1, true, late - 1), undefined)
  assert.is(plan.claim(1, false, late), undefined)
  assert.is(plan.claim(0, true, late), undefined)
  assert.is(plan.claim(1, true, late), 0)
  assert.is(plan.claim(2, true, 2 * late), undefined)
  plan.release(0)
  assert.ok(plan.isWanted(0))
  plan.arrived(0)
  assert.ok(plan.finished)
})

test('what a provider leaves undone is handed out again', async () => {
  const plan = new ChunkPlan([0, 1])
  plan.claim(0, true, 0)
  plan.claim(0, false, 0)
  const changed = plan.changed()
  plan.release(0)
  await changed
  assert.equal([plan.claim(1, true, 0), plan.claim(1, false, 0)].sort(), [0, 1])
})

test('whatever providers do, every chunk arrives once somebody lasts', () => {
  const random = seededRandom(3)
  for (let round = 0; round < 100; round++) {
    const count = Math.floor(random.float() * 30)
    const plan = new ChunkPlan(Array.from({ length: count }, (_, i) => i))
    const asked: number[][] = [[], [], []]
    const here = new Set<number>()
    for (let now = 0; !plan.finished; now += 700) {
      const provider = Math.floor(random.float() * 3)
      const chunks = asked[provider]!
      const chance = random.float()
      if (chance < 0.5) {
        const chunk = plan.claim(provider, chunks.length === 0, now)
        if (chunk !== undefined) chunks.push(chunk)
      } else if (chance < 0.9) {
        const chunk = chunks.shift()
        if (chunk === undefined || !plan.isWanted(chunk)) continue
        assert.not(here.has(chunk))
        here.add(chunk)
        plan.arrived(chunk)
      } else {
        chunks.length = 0
        plan.release(provider)
      }
      assert.ok(now < 700 * 5000, 'no progress')
    }
    assert.is(here.size, count)
  }
})

test.run()
