import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CLEAR, ELSEWHERE, LinkNetwork } from './network.ts'
import { Shaper } from './shaper.ts'

const LINE = { bytesPerS: 2_500_000, burstBytes: 10_000, queueBytes: 100_000 }
const BYTES = 1_200

test('a line gives its rate, whatever is offered, and its burst after a pause', () => {
  for (const offered of [0.5, 1, 2, 10]) {
    const shaper = new Shaper(LINE)
    let through = 0
    const gapMs = (BYTES / (LINE.bytesPerS * offered)) * 1_000
    for (let now = 0; now < 10_000; now += gapMs)
      if ((shaper.admit(BYTES, now) ?? Number.POSITIVE_INFINITY) <= 10_000) through += BYTES
    const expected = 10 * LINE.bytesPerS * Math.min(1, offered)
    assert.ok(Math.abs(through / expected - 1) < 0.01, `${offered}: ${through} of ${expected}`)
  }
  const rested = new Shaper(LINE)
  assert.is(rested.admit(10_000, 1_000), 1_000)
  assert.is(rested.admit(2_500, 1_000), 1_001)
})

test('a queue holds what it may and no more', () => {
  const shaper = new Shaper(LINE)
  let admitted = 0
  while (shaper.admit(BYTES, 0) !== undefined) admitted += BYTES
  assert.ok(Math.abs(admitted - LINE.burstBytes - LINE.queueBytes) <= BYTES, String(admitted))
  assert.ok(shaper.waitingBytes(0) <= LINE.queueBytes)
  assert.is(shaper.waitingBytes(41), 0)
})

test('a node has one line for all its links', () => {
  const network = new LinkNetwork({ ...CLEAR, up: LINE, down: LINE })
  let last = 0
  for (let i = 0; i < 60; i++) last = Math.max(last, network.leave('a', `to-${i % 3}`, BYTES, 0) ?? 0)
  assert.ok(Math.abs(last - ((60 * BYTES - LINE.burstBytes) / LINE.bytesPerS) * 1_000) < 0.01, String(last))
  let come = 0
  for (let i = 0; i < 60; i++) come = Math.max(come, network.arrive('b', BYTES, 0) ?? 0)
  assert.is(come, last)
  assert.is(network.leave(ELSEWHERE, 'a', 1e9, 0), 0)
})

test('losses are a share, and the same ones for the same seed, whatever other links do', () => {
  const losses = (seed: number, busy: boolean) => {
    const network = new LinkNetwork({ ...CLEAR, seed, lossShare: 0.02 })
    const lost: number[] = []
    for (let i = 0; i < 20_000; i++) {
      if (network.leave('a', 'b', BYTES, i) === undefined) lost.push(i)
      if (busy) network.leave('a', 'c', BYTES, i)
    }
    return lost
  }
  const lost = losses(1, false)
  assert.ok(lost.length > 340 && lost.length < 460, String(lost.length))
  assert.equal(losses(1, true), lost)
  assert.not.equal(losses(2, false), lost)
})

test('jitter keeps the order, reordering breaks it for its share', () => {
  const arrivals = (reorderShare: number) => {
    const network = new LinkNetwork({ ...CLEAR, delayMs: 50, jitterMs: 20, reorderShare })
    return Array.from({ length: 10_000 }, (_, i) => network.leave('a', 'b', BYTES, i)! - i)
  }
  const [steady, mixed] = [arrivals(0), arrivals(0.05)]
  assert.ok(steady.every((delay, i) => delay >= 50 && delay <= 70 && (i === 0 || delay + 1 >= steady[i - 1]!)))
  const overtaken = mixed.filter(
    (delay, i) => i > 0 && mixed.slice(i + 1, i + 30).some((next, k) => next + k + 1 < delay),
  )
  assert.ok(overtaken.length > 200 && overtaken.length < 600, String(overtaken.length))
})

test('a stream loses nothing: a lost segment costs time, and what follows waits for it', () => {
  const network = new LinkNetwork({ ...CLEAR, lossShare: 0.02, delayMs: 50, up: LINE })
  let last = 0
  for (let i = 0; i < 1_000; i++) {
    const there = network.stream('a', 'b', 1_448, i * 10)
    assert.ok(there >= last && there >= i * 10 + 50)
    last = there
  }
  assert.ok(network.counts().a!.lost > 5)
  assert.is(network.counts().b!.downBytes, 1_448_000)
})

test.run()
