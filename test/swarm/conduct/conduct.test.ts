import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import { Conduct } from '../../../runtime/swarm/conduct/conduct.ts'

const test = suite('conduct')
const broken = { code: 'frame.magic', message: 'other bytes' }

/** Notes misdeeds until one is too many; how many that took. */
function untilGated(conduct: Conduct, subject: string, weight: number, nowMs: number): number {
  for (let count = 1; count <= 10_000; count++) if (conduct.note(subject, broken, weight, nowMs)) return count
  throw new Error('never gated')
}

test('fifteen offences are borne, the sixteenth gates; strays weigh less', () => {
  const conduct = new Conduct()
  assert.is(untilGated(conduct, 'a', 32, 0), 16)
  assert.is(conduct.gatedMs('a', 0), limit('gateMs'))
  assert.is(untilGated(conduct, 'b', 1, 0), 501)
  assert.is(conduct.gatedMs('c', 0), 0)
  const { code, message, count, gatings } = conduct.get('a')!
  assert.equal({ code, message, count, gatings }, { ...broken, count: 16, gatings: 1 })
})

test('time forgives: what is spread out is never gated', () => {
  const conduct = new Conduct()
  for (let i = 0; i < 10_000; i++) assert.not(conduct.note('late', broken, 1, i * 130), `${i}`)
})

test('each gating lasts twice as long, up to an hour; a long clean time makes the next a first one', () => {
  const conduct = new Conduct()
  let nowMs = 0
  const lengths: number[] = []
  for (let i = 0; i < 8; i++) {
    untilGated(conduct, 'a', 32, nowMs)
    lengths.push(conduct.gatedMs('a', nowMs) / 60_000)
    nowMs += conduct.gatedMs('a', nowMs)
  }
  assert.equal(lengths, [1, 2, 4, 8, 16, 32, 60, 60])
  nowMs += 9 * limit('gateMaxMs')
  untilGated(conduct, 'a', 32, nowMs)
  assert.is(conduct.gatedMs('a', nowMs), limit('gateMs'))
})

test('records are bounded: a flood of new subjects pushes out the quiet, and no gated one', () => {
  const conduct = new Conduct()
  untilGated(conduct, 'gated', 32, 0)
  conduct.note('quiet', broken, 1, 0)
  for (let i = 0; i < 2 * limit('conductRecords'); i++) conduct.note(`new ${i}`, broken, 1, 1)
  assert.is(conduct.all().length, limit('conductRecords'))
  assert.is(conduct.get('quiet'), undefined)
  assert.ok(conduct.gatedMs('gated', 1) > 0)
})

test.run()
