import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { busyTimes, roundsOf } from '../../../runtime/node/record/round-times.ts'
import { workerFigures } from '../../../runtime/node/record/worker-figures.ts'
import { peer, trainingRecord } from './sample-record.ts'
import { MEMBERS, roundsRecord } from './sample-rounds.ts'

test('of a training on one worker, what it computed and in which class', () => {
  assert.equal(workerFigures(trainingRecord()), [
    {
      ...{ peer: peer('A'), name: 'worker-1', classes: ['ort-1.30.0/cpu/x64-avx2/all'], shards: 3, rows: 300 },
      ...{ computeMs: 1_500, reduceMs: 0, rounds: 0, counted: 0, late: 0, staleness: 0, excluded: {} },
      bytes: { up: 0, down: 0 },
    },
  ])
})

test('of a training by rounds, bytes each way, idleness, staleness and why somebody was left out', () => {
  const figures = new Map(workerFigures(roundsRecord(8)).map((each) => [each.peer, each]))
  const [a, b, c] = MEMBERS.map((member) => figures.get(member)!)
  // Of 8 rounds the third member counts in 6, once late. The first one reduces: it gets the updates of the others, 500 B
  // each, and sends each of them what they became, 300 B.
  assert.equal(a!.bytes, { up: 8 * 2 * 300, down: 500 * (8 + 6) })
  assert.equal(
    [b!.bytes, c!.bytes],
    [
      { up: 8 * 500, down: 8 * 300 },
      { up: 6 * 500, down: 8 * 300 },
    ],
  )
  assert.equal([a!.counted, c!.counted, c!.late, c!.staleness, c!.rounds], [8, 6, 1, 1, 8])
  assert.equal(c!.excluded, { 'round.late': 2 })
  assert.equal([a!.rows, c!.rows, a!.reduceMs], [80, 60, 320])
  assert.is(a!.idle?.toFixed(4), (1 - (600 + 40) / 950).toFixed(4))
  const bytes = [...figures.values()].map((each) => each.bytes)
  const total = (way: 'up' | 'down') => bytes.reduce((sum, each) => sum + each[way], 0)
  assert.is(total('up'), total('down'), 'what one sends another gets')
})

test('a round that was done again counts once, and times are those of its own members', () => {
  const record = roundsRecord(8)
  const again = { ...record, parts: [record.parts[2]!, ...record.parts] }
  assert.equal(workerFigures(again)[0]!.counted, 8)
  assert.equal(
    roundsOf(again).map(({ outcome }) => outcome.round),
    [0, 1, 2, 3, 4, 5, 6, 7],
  )
  const busy = busyTimes(record)
  assert.equal(busy.length, 8 * 2 + 5 + 8, 'a late one was at work in another round')
  assert.equal(busy[0], { peer: MEMBERS[0], what: 'compute', fromMs: 250, toMs: 850 })
  assert.equal(
    busyTimes(trainingRecord()).map(({ fromMs, toMs }) => [fromMs, toMs]),
    [
      [500, 1_000],
      [1_500, 2_000],
      [2_500, 3_000],
    ],
  )
})

test('a journal that does not say who computed what has the figures of the status', () => {
  const record = trainingRecord()
  const parts = record.parts.map(({ computedBy, atWallMs, ...part }) => part)
  const [worker] = workerFigures({ ...record, parts })
  assert.equal([worker!.shards, worker!.rows, worker!.computeMs, worker!.classes], [3, 300, 1_500, []])
})

test.run()
