import * as dagCbor from '@ipld/dag-cbor'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit, sha256 } from '../../../runtime/base/index.ts'
import { type JobEntry, JobJournal, jobEntryCodec } from '../../../runtime/job/journal/index.ts'
import { memoryLogHome, memoryLogStore } from '../../../runtime/log/index.ts'
import type { JobSpec, ResultPart, RoundManifest, RoundOutcome } from '../../../runtime/protocol/index.ts'
import { namedBlob, PEER } from '../../support/round-shards.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { sampleKey } from '../../swarm/identity/sample-keys.ts'

const JOB = 'job-0000000000000000'
const init = { clock: new VirtualClock(), signer: sampleKey(7) }
const digest = (word: string) => sha256(new TextEncoder().encode(word))

const spec: JobSpec = {
  job: JOB,
  account: `ac_${'1'.repeat(40)}`,
  request: {
    ...{ program: 'infer', model: 'm.onnx', input: { path: 'rows' }, outputs: [], rowsPerShard: 1 },
    ...{ requirements: {}, finite: true },
  },
  model: { graph: namedBlob('graph'), weights: [] },
  outputDir: '/results',
  createdWallMs: 0,
}
const manifest = (round: number, members = 2): RoundManifest => ({
  round,
  recipe: {
    ...{ mode: 'local', localSteps: 8, up: { kind: 'i4' }, down: { kind: 'i4' } },
    outer: { rate: 0.7, momentum: 0.9 },
  },
  aggregation: { rule: 'mean' },
  lineage: digest(`lineage ${round}`),
  position: 16 * round,
  slices: Array.from({ length: members }, (_, i) => 4_096 * (i + 1)),
  members: Array.from({ length: members }, (_, i) => ({
    ...{ peer: PEER, shard: digest(`shard ${round}.${i}`), batches: [{ from: i, count: 1 }], fromStep: 8 * round },
    inner: namedBlob(`inner ${round}.${i}`),
    base: { round, held: true },
  })),
  deadlineMs: 10_000,
})
const outcome = (round: number, members: number): RoundOutcome => ({
  round,
  counted: manifest(round, members).members.map(({ peer, shard, batches }, i) => ({
    ...{ peer, shard, batches, round, weight: 8, inner: namedBlob('inner'), computeMs: 12.5, doneMs: 1_234.5 },
    updates: Array.from({ length: members }, (_, slice) => namedBlob(`update ${i}.${slice}`, 1 << 20)),
  })),
  excluded: [],
  aggregates: Array.from({ length: members }, (_, i) => ({
    ...{ update: namedBlob(`aggregate ${i}`), at: PEER, shard: digest(`reduce ${i}`) },
    ...{ residual: namedBlob(`residual ${i}`), computeMs: 3.5, doneMs: 1_300.5 },
  })),
  lineage: digest(`lineage ${round + 1}`),
  openedWallMs: 1.7e12,
  closedWallMs: 1.7e12,
})
const part = (index: number, round?: RoundOutcome): ResultPart => ({
  ...{ index, file: `part-${index}.arrow`, firstRow: 0, rows: 1, sha256: digest('file'), shard: digest('shard') },
  ...(round && { round }),
})

async function replayed(...entries: JobEntry[]) {
  const home = memoryLogHome()
  const journal = await JobJournal.open(memoryLogStore(home), JOB, init)
  await journal.append({ type: 'created', spec }, ...entries)
  await journal.close()
  return (await JobJournal.open(memoryLogStore(home), JOB, init)).load()
}

test('rounds are replayed by number, what closed them with their parts; a round that was opened again is the newest', async () => {
  const [first, second] = [manifest(0), manifest(1)]
  const changed = { ...second, members: second.members.slice(0, 1) }
  const record = await replayed(
    { type: 'round', manifest: first },
    { type: 'part', part: part(0, outcome(0, 2)) },
    { type: 'round', manifest: second },
    { type: 'round', manifest: changed },
  )
  assert.equal(record?.rounds, [first, changed])
  assert.equal(
    record?.parts.map(({ round }) => round),
    [outcome(0, 2)],
  )
  assert.is((await replayed())?.rounds, undefined)
})

test('what the largest round comes to fits into one entry', async () => {
  const members = limit('membersPerRound')
  const record = await replayed(
    { type: 'round', manifest: manifest(3, members) },
    { type: 'part', part: part(0, outcome(3, members)) },
  )
  assert.equal(record?.parts[0]?.round, outcome(3, members))
  assert.equal(record?.rounds, [manifest(3, members)])
})

test('the accounts that may read a job are those that were named last, also once it has ended or was adopted', async () => {
  const [one, other] = [`ac_${'2'.repeat(40)}`, `ac_${'3'.repeat(40)}`]
  const adoption = { kind: 'adoption/1', body: new Uint8Array(), by: new Uint8Array(32), sig: new Uint8Array(64) }
  const record = await replayed(
    { type: 'shared', accounts: [one] },
    { type: 'ended', state: 'done', atWallMs: 1 },
    { type: 'shared', accounts: [one, other] },
    { type: 'adopted', adoption, outputDir: '/other' },
  )
  assert.equal([record?.sharedWith, record?.ended?.state], [[one, other], 'done'])
  assert.equal((await replayed({ type: 'shared', accounts: [one] }, { type: 'shared', accounts: [] }))?.sharedWith, [])
})

test('entries of older versions are read', () => {
  for (let version = 1; version < jobEntryCodec.version; version++) {
    const entry: JobEntry = { type: 'part', part: part(0) }
    const bytes = dagCbor.encode({ ...entry, v: version })
    assert.equal(jobEntryCodec.decode(bytes), entry, `version ${version}`)
  }
})

test.run()
