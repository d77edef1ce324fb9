import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LIMITS } from '../../../runtime/base/index.ts'
import { initialLiveness, observe } from '../../../runtime/swarm/presence/liveness.ts'

const fresh = () => {
  const state = initialLiveness({ suspectAfterMs: 2_000, lostAfterMs: 15_000 })
  observe(state, { type: 'joined', peer: 'A' }, 0)
  return state
}
const tick = { type: 'tick' } as const

test('silence raises suspicion once, then loss', () => {
  const state = fresh()
  assert.equal(observe(state, tick, 1_999), [])
  assert.equal(observe(state, tick, 2_000), [{ type: 'suspect', peer: 'A' }])
  assert.equal(observe(state, tick, 3_000), [])
  assert.equal(observe(state, tick, 15_000), [{ type: 'lost', peer: 'A' }])
  assert.equal(observe(state, tick, 99_000), [])
})

test('a suspect that is heard again is alive', () => {
  const state = fresh()
  observe(state, tick, 2_000)
  assert.equal(observe(state, { type: 'heard', peer: 'A' }, 2_100), [{ type: 'alive', peer: 'A' }])
  assert.equal(observe(state, tick, 4_099), [])
})

test('a closed connection is suspicion at once', () => {
  const state = fresh()
  assert.equal(observe(state, { type: 'disconnected', peer: 'A' }, 10), [{ type: 'suspect', peer: 'A' }])
})

test('a stranger that is heard, or leaves, changes nothing', () => {
  const state = fresh()
  assert.equal(observe(state, { type: 'heard', peer: 'B' }, 1), [])
  assert.equal(observe(state, { type: 'left', peer: 'B' }, 1), [])
  assert.equal(observe(state, { type: 'left', peer: 'A' }, 1), [{ type: 'lost', peer: 'A' }])
})

test('the default limits raise suspicion within 2.5 s of the last heartbeat', () => {
  assert.ok(LIMITS.suspectAfterMs.value + LIMITS.heartbeatMs.value <= 2_500)
})

test.run()
