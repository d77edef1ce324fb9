import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ClockSkew } from '../../../runtime/swarm/presence/clock-skew.ts'

test('nothing is known before it is measured', () => {
  assert.is(new ClockSkew().median(), undefined)
})

test('of a peer the quickest round trip counts', () => {
  const skew = new ClockSkew()
  skew.note('a', { roundTripMs: 400, aheadMs: 180 })
  skew.note('a', { roundTripMs: 10, aheadMs: 3 })
  skew.note('a', { roundTripMs: 90, aheadMs: -40 })
  assert.is(skew.of('a'), 3)
})

test('a clock that was set is noticed once the samples from before are gone', () => {
  const skew = new ClockSkew()
  skew.note('a', { roundTripMs: 1, aheadMs: 0 })
  for (let i = 0; i < 8; i++) skew.note('a', { roundTripMs: 20, aheadMs: 60_000 })
  assert.is(skew.of('a'), 60_000)
})

test('among peers the median counts: one that lies or is wrong moves nothing', () => {
  const skew = new ClockSkew()
  for (const [peer, aheadMs] of Object.entries({ a: 10, b: 12, c: -9e9 })) skew.note(peer, { roundTripMs: 5, aheadMs })
  assert.is(skew.median(), 10)
  skew.forget('a')
  skew.forget('c')
  assert.is(skew.median(), 12)
})

test.run()
