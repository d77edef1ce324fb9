import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { VerifiedResult } from '../../../runtime/job/coordinator/results.ts'
import { RunRounds } from '../../../runtime/job/coordinator/run-rounds.ts'
import type { JobEntry } from '../../../runtime/job/journal/index.ts'
import { type RoundManifest, type ShardSpec, shardId } from '../../../runtime/protocol/index.ts'
import { reduceShard } from '../../support/round-shards.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const resultOf = (shard: ShardSpec, worker: string, lease: string) =>
  ({ receipt: { shard: shardId(shard), worker, lease } }) as unknown as VerifiedResult

/** What a run does for a training by rounds; `durable` lets the disk get there. */
function bench() {
  const waiting: (() => unknown)[] = []
  const done: string[] = []
  const clock = new VirtualClock()
  const rounds = new RunRounds({
    journal: {
      append: async (...entries: readonly JobEntry[]) =>
        void done.push(
          ...entries.map((entry) => (entry.type === 'round' ? `round ${entry.manifest.round}` : entry.type)),
        ),
    },
    before: { parts: [] },
    afterAll: (fn) => void waiting.push(fn),
    settle: (peer, lease) => void done.push(`${peer} ${lease}`),
    clock,
    wake: () => void done.push(`woken at ${clock.monoMs()}`),
    failed: (error) => void done.push(String(error)),
  })
  const durable = () => {
    for (const fn of waiting.splice(0)) fn()
    return done.splice(0)
  }
  return { rounds, clock, durable, done }
}

const [one, other] = [reduceShard({ slice: 0 }), reduceShard({ slice: 1 })]

test('what a placed shard gave stays at its worker until it is released and what came before is durable', () => {
  const { rounds, durable, done } = bench()
  rounds.place([{ shard: one, peer: 'A' }])
  assert.ok(rounds.retain(resultOf(one, 'A', 'J.1.0')))
  assert.ok(rounds.retain(resultOf(one, 'A', 'J.1.0')), 'it is said again at each roll call')
  assert.not(rounds.retain(resultOf(other, 'A', 'J.1.1')), 'nobody placed this one')
  assert.equal(durable(), [])
  rounds.release(shardId(one))
  assert.equal(done, [], 'the part that needs it may not be durable')
  assert.equal(durable(), ['A J.1.0'])
  assert.not(rounds.retain(resultOf(one, 'A', 'J.1.0')), 'asked for again, it may go at once')
})

test('whatever is left goes when the job is over', () => {
  const { rounds, durable } = bench()
  rounds.place([
    { shard: one, peer: 'A' },
    { shard: other, peer: 'B' },
  ])
  rounds.retain(resultOf(one, 'A', 'J.1.0'))
  rounds.retain(resultOf(other, 'B', 'J.1.1'))
  rounds.releaseAll()
  assert.equal(durable(), ['A J.1.0', 'B J.1.1'])
})

test('a shard that is placed anew is of one peer, the last', () => {
  const { rounds } = bench()
  rounds.place([{ shard: one, peer: 'A' }])
  rounds.release(shardId(one))
  rounds.place([{ shard: one, peer: 'B' }])
  assert.equal(
    [rounds.isElsewhere(resultOf(one, 'A', 'x')), rounds.isElsewhere(resultOf(one, 'B', 'y'))],
    [true, false],
  )
})

test('rounds are journalled behind what was committed before them', () => {
  const { rounds, durable, done } = bench()
  rounds.open([{ round: 4 } as RoundManifest])
  assert.equal(done, [])
  assert.equal(durable(), ['round 4'])
})

test('a program is woken once, at the time it asked for last', () => {
  const { rounds, clock, done } = bench()
  const fromMs = clock.monoMs()
  rounds.wakeUp.at(fromMs + 100)
  rounds.wakeUp.at(fromMs + 300)
  clock.advance(1_000)
  assert.equal(done, [`woken at ${fromMs + 300}`])
  rounds.wakeUp.at(fromMs + 2_000)
  rounds.wakeUp.cancel()
  clock.advance(5_000)
  assert.is(done.length, 1)
})

test.run()
