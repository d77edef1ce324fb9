import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { writeParts } from '../../../runtime/data/sources/index.ts'
import { tensorOf } from '../../../runtime/data/tensor/index.ts'
import { trainingRound } from '../../../runtime/node/training/index.ts'
import type { RoundOutcome } from '../../../runtime/protocol/index.ts'

const test = suite('a round, told')
const folder = await mkdtemp(join(tmpdir(), 'aivida-round-'))
const blob = (sizeBytes: number) => ({ blob: 'ab'.repeat(32), sizeBytes })
const counted = (peer: string, round: number, count: number) => ({
  peer,
  round,
  shard: 'cd'.repeat(32),
  weight: 1,
  batches: [
    { from: 0, count },
    { from: 40, count: 2 },
  ],
  updates: [blob(100), blob(60)],
  inner: blob(1),
  computeMs: 7,
})
const outcome: RoundOutcome = {
  round: 5,
  counted: [counted('ada', 5, 8), counted('bob', 4, 4)],
  excluded: [{ peer: 'eve', code: 'round.deadline', message: 'not done' }],
  aggregates: [blob(90), blob(50)].map((update) => ({ update, at: 'ada', shard: 'ef'.repeat(32) })),
  lineage: 'ab'.repeat(32),
  openedWallMs: 1_000,
  closedWallMs: 3_000,
}
const told = (file: string) =>
  trainingRound({ outcome, step: 96, file, batchSize: 10, metrics: ['loss', 'norm'], nameOf: (peer) => `node ${peer}` })

test('members, speed, bytes and the means of its metrics', async () => {
  const loss = tensorOf(Float32Array.of(1, 2, 6))
  const member = tensorOf(BigInt64Array.of(0n, 0n, 1n))
  const [part] = await writeParts(folder, [{ index: 0, firstRow: 80, rows: 3, tensors: { loss, member } }])
  assert.equal(await told(join(folder, part!.file)), {
    round: 5,
    step: 96,
    members: [
      { peer: 'ada', name: 'node ada', batches: 10, computeMs: 7, late: 0 },
      { peer: 'bob', name: 'node bob', batches: 6, computeMs: 7, late: 1 },
    ],
    excluded: [{ peer: 'eve', name: 'node eve', code: 'round.deadline', message: 'not done' }],
    metrics: { loss: 3 },
    durationMs: 2_000,
    rowsPerSecond: 80,
    bytes: { up: 160, down: 140 },
  })
})

test('a file that is gone takes its metrics alone', async () => {
  assert.equal((await told(join(folder, 'gone.arrow'))).metrics, {})
})

test.after(() => rm(folder, { recursive: true, force: true }))
test.run()
