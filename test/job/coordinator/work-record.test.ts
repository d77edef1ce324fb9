import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type AcceptedReceipt, WorkRecord } from '../../../runtime/job/coordinator/work-record.ts'
import type { ResultPart } from '../../../runtime/protocol/index.ts'

const receipt = (shard: string, worker: string, more: Partial<AcceptedReceipt> = {}): AcceptedReceipt => ({
  shard,
  worker,
  determinismClass: 'a',
  computeMs: 2,
  ...more,
})
const part = (shard: string, ...furtherShards: string[]): ResultPart => ({
  ...{ index: 0, file: 'part', firstRow: 0, rows: 1, sha256: 'f' },
  shard,
  ...(furtherShards.length > 0 && { furtherShards }),
})

test('a part says who computed its shards and in which class, neighbours together', () => {
  const record = new WorkRecord()
  for (const shard of ['1', '2', '4']) record.accepted(receipt(shard, 'w1'))
  record.accepted(receipt('3', 'w1', { determinismClass: 'b' }))
  record.accepted(receipt('5', 'w2'))
  const { computedBy, atWallMs } = record.signed(part('1', '2', '3', '4', '5'), 1_000.5)
  assert.equal(computedBy, [
    { peer: 'w1', determinismClass: 'a', shards: 2, computeMs: 4 },
    { peer: 'w1', determinismClass: 'b', shards: 1, computeMs: 2 },
    { peer: 'w1', determinismClass: 'a', shards: 1, computeMs: 2 },
    { peer: 'w2', determinismClass: 'a', shards: 1, computeMs: 2 },
  ])
  assert.is(atWallMs, 1_000)
  assert.equal(record.signed(part('2'), 0).computedBy?.length, 1, 'equal batches share a shard')
})

test('what a training committed to stays with its shard', () => {
  const record = new WorkRecord()
  record.accepted(receipt('1', 'w', { commitments: ['c1'] }))
  record.accepted(receipt('2', 'w', { commitments: ['c2', 'c3'] }))
  const commitments = record.signed(part('1', '2'), 0).computedBy?.map((by) => by.commitments)
  assert.equal(commitments, [['c1'], ['c2', 'c3']])
})

test('a part with a shard of which nothing is known says nothing', () => {
  const record = new WorkRecord()
  record.accepted(receipt('1', 'w'))
  assert.equal(record.signed(part('1', '2'), 0), part('1', '2'))
})

test.run()
