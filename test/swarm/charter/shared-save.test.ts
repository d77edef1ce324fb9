import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sharedSave } from '../../../runtime/swarm/charter/shared-save.ts'
import { codeOf } from '../identity/sample-keys.ts'

test('calls during a save share one more, which begins after them', async () => {
  let value = 0
  const saved: number[] = []
  const save = sharedSave(async () => {
    const seen = value
    await new Promise((resolve) => setImmediate(resolve))
    saved.push(seen)
  })
  value = 1
  const first = save()
  await Promise.resolve().then(() => {}) // the first is under way
  const others = [2, 3, 4].map((next) => {
    value = next
    return save()
  })
  await first
  assert.equal(saved, [1])
  await Promise.all(others)
  assert.equal(saved, [1, 4])
})

test('a save that failed is told to those who asked for it, and does not stop the next', async () => {
  let fail = true
  const save = sharedSave(async () => {
    if (fail) throw Object.assign(new Error('full'), { code: 'full' })
  })
  const [one, two] = [codeOf(save), codeOf(save)]
  assert.equal([await one, await two], ['full', 'full'])
  fail = false
  assert.is(await codeOf(save), undefined)
})

test.run()
