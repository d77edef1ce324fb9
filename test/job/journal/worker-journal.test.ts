import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit, sha256 } from '../../../runtime/base/index.ts'
import { JobJournal } from '../../../runtime/job/journal/index.ts'
import { KnownWork } from '../../../runtime/job/journal/known-work.ts'
import { WorkerJournal } from '../../../runtime/job/journal/worker-journal.ts'
import { type FileStoreInit, memoryLogHome, memoryLogStore, openLog } from '../../../runtime/log/index.ts'
import type { Receipt } from '../../../runtime/protocol/index.ts'
import { scratchDir, testKey } from '../../log/scratch.ts'
import { FAKE_PEER } from '../../support/fake-node-service.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { VirtualSwarm } from '../../support/virtual-swarm.ts'

const ACCOUNT = `ac_${'1'.repeat(40)}`
const clock = new VirtualClock()
const key = testKey('worker')

const digest = (i: number) => sha256(new TextEncoder().encode(String(i)))
const job = (i: number) => `job-${String(i).padStart(16, '0')}`

const receiptOf = (i: number): Receipt => ({
  lease: `lease-${i}`,
  job: job(i % 3),
  epoch: 1,
  shard: digest(i),
  worker: FAKE_PEER,
  device: 'cpu0',
  determinismClass: 'class-a',
  outputs: { blob: digest(-i), sizeBytes: 100 },
  computeMs: 1,
})

async function filled(home: Parameters<typeof openLog>[0], count: number, settleUpTo: number) {
  const journal = await WorkerJournal.open(await openLog(home, { clock, key }), { snapshotAfterBytes: 20_000 })
  for (let i = 0; i < 3; i++) await journal.leased(job(i), 7 + i, FAKE_PEER, [])
  for (let i = 0; i < count; i++) {
    const inline = new Uint8Array(100).fill(i)
    await journal.finished([{ to: FAKE_PEER, account: ACCOUNT, receipt: receiptOf(i), inline, startedWallMs: 1 }])
    if (i < settleUpTo) journal.settle(FAKE_PEER, [`lease-${i}`])
  }
  await journal.close()
}

test('a replay from a snapshot remembers what a replay of everything does', async () => {
  const home = memoryLogHome()
  await filled(memoryLogStore(home), 200, 150)
  assert.ok(home.snapshots.length === 2, 'it was taken more than once')
  assert.ok(home.groups[0]!.firstSeq > 1, 'entries were dropped')
  const again = await WorkerJournal.open(await openLog(memoryLogStore(home), { clock, key }))
  assert.equal(
    [...again.jobs()].map(([name, { epoch, from }]) => [name, epoch, from]).sort(),
    [0, 1, 2].map((i) => [job(i), 7 + i, FAKE_PEER]),
  )
  for (let i = 0; i < 200; i++) {
    const known = again.known(ACCOUNT, 'class-a', digest(i))
    assert.equal([known?.receipt, known?.inline], [receiptOf(i), new Uint8Array(100).fill(i)])
  }
  assert.is(again.known(`ac_${'2'.repeat(40)}`, 'class-a', digest(0)), undefined)
  const owed = again.owed({ to: FAKE_PEER })
  assert.equal(
    owed.map(({ receipt }) => receipt.lease).sort(),
    Array.from({ length: 50 }, (_, i) => `lease-${150 + i}`),
  )
  assert.ok(owed.every(({ inline }) => inline?.byteLength === 100))
  await again.close()
})

test('the journal on disk stays bounded however long a worker works', async () => {
  const home: FileStoreInit = { dir: scratchDir(), segmentBytes: 32_000 }
  const sizes: number[] = []
  for (let round = 0; round < 4; round++) {
    await filled(home, 150, 150) // the same work again and again
    const { dir } = home
    sizes.push(readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0))
  }
  assert.ok(sizes[3]! < 1.5 * sizes[1]!, sizes.join(', '))
})

test('known work is bounded in number and in bytes, the oldest goes first', () => {
  const known = new KnownWork()
  for (let i = 0; i <= limit('knownResults'); i++) known.set(`k${i}`, new Uint8Array(1))
  assert.is(known.get('k0'), undefined)
  assert.ok(known.get('k1'))
  known.set('large', new Uint8Array(limit('knownResultBytes') - 10))
  assert.is(known.get('k9980'), undefined)
  assert.ok(known.get(`k${limit('knownResults')}`))
  known.set('larger', new Uint8Array(limit('knownResultBytes') + 1))
  assert.equal([...known.values()].length, 1, 'the newest stays, whatever its size')
})

test('of a round, members of the job may have updates and states until they are settled, and nothing else', async () => {
  const journal = await WorkerJournal.open(await openLog(memoryLogStore(memoryLogHome()), { clock, key }))
  const blob = (i: number) => ({ blob: digest(1_000 + i), sizeBytes: 9 })
  const receipt: Receipt = { ...receiptOf(0), state: blob(0), updates: [blob(1), blob(2)] }
  await journal.finished([{ to: FAKE_PEER, account: ACCOUNT, receipt, inline: undefined, startedWallMs: 1 }])
  const shared = () => [0, 1, 2].map((i) => journal.shares(blob(i).blob, job(0), FAKE_PEER))
  assert.equal(shared(), [true, true, true])
  assert.not(journal.shares(receipt.outputs.blob, job(0), FAKE_PEER), 'metrics are for the submitter')
  assert.not(journal.shares(blob(1).blob, job(1), FAKE_PEER), 'another job')
  assert.not(journal.shares(blob(1).blob, job(0), 'another submitter of a job of this name'))
  assert.equal(journal.settle(FAKE_PEER, ['lease-0']), [receipt.outputs, blob(0), blob(1), blob(2)])
  assert.equal(shared(), [false, false, false])
  assert.is(journal.known(ACCOUNT, 'class-a', digest(0)), undefined, 'what it was kept as is gone')
  await journal.close()
})

test('results that fell due together are durable, however many bytes they are', async () => {
  const home = memoryLogHome()
  const journal = await WorkerJournal.open(await openLog(memoryLogStore(home), { clock, key }))
  const inline = new Uint8Array(limit('inlineOutputBytes'))
  const works = Array.from({ length: 64 }, (_, i) => ({ ...receiptOf(i), outputs: { blob: digest(-i), sizeBytes: 1 } }))
  await journal.finished(
    works.map((receipt) => ({ to: FAKE_PEER, account: ACCOUNT, receipt, inline, startedWallMs: 1 })),
  )
  await journal.close()
  const again = await WorkerJournal.open(await openLog(memoryLogStore(home), { clock, key }))
  assert.is(again.owed({ to: FAKE_PEER }).length, 64)
})

test('parts that fell due together are journalled, however many shards they hold', async () => {
  const home = memoryLogHome()
  const signer = new VirtualSwarm().key()
  const journal = await JobJournal.open(memoryLogStore(home), job(1), { clock, signer })
  const furtherShards = Array.from({ length: 100 }, (_, i) => digest(i))
  const part = { firstRow: 0, rows: 1, shard: digest(0), furtherShards, file: 'part', sha256: digest(0) }
  await journal.append(
    ...Array.from({ length: 256 }, (_, index) => ({ type: 'part' as const, part: { ...part, index } })),
  )
  assert.is(journal.log.tail, 256)
  await journal.close()
})

test('whoever names jobs, or leaves results unsettled, without end makes nobody forget those of others', async () => {
  const journal = await WorkerJournal.open(await openLog(memoryLogStore(memoryLogHome()), { clock, key }))
  const [honest, greedy] = [FAKE_PEER, 'greedy']
  const inline = new Uint8Array(1)
  const owe = (i: number, to: string) => ({ to, account: ACCOUNT, receipt: receiptOf(i), inline, startedWallMs: 1 })
  journal.taken({ job: job(1), epoch: 1, from: honest, account: ACCOUNT, leases: [] })
  await journal.finished([owe(0, honest)])
  for (let i = 2; i <= 10_100; i++) journal.taken({ job: job(i), epoch: 1, from: greedy, account: ACCOUNT, leases: [] })
  await journal.finished(Array.from({ length: 10_100 }, (_, i) => owe(i + 1, greedy)))
  assert.is(journal.jobs().get(job(1))?.from, honest)
  assert.is(journal.owed({ to: honest }).length, 1)
  assert.ok([...journal.jobs()].length <= 10_000 && journal.owed().length <= 10_000)
  assert.is(journal.jobs().get(job(10_100))?.from, greedy, 'the newest has a place')
  assert.is(journal.jobs().get(job(2)), undefined, 'the oldest of whoever has most has none')
  await journal.close()
})

test.run()
