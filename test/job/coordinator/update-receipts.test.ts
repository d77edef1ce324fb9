import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError, sha256 } from '../../../runtime/base/index.ts'
import { assertRoundReceipt } from '../../../runtime/job/coordinator/update-receipts.ts'
import type { BlobRef, Receipt, ShardSpec } from '../../../runtime/protocol/index.ts'
import { reduceShard, replicaShard } from '../../support/round-shards.ts'

const blob = (sizeBytes: number): BlobRef => ({ blob: sha256(new Uint8Array([sizeBytes % 251])), sizeBytes })
const receipt = (over: Partial<Receipt>): Receipt => ({
  ...{ lease: 'J.1.0', job: 'J', epoch: 1, shard: sha256(new Uint8Array()), worker: 'W', device: 'cpu0' },
  ...{ determinismClass: 'c', outputs: blob(9), computeMs: 1 },
  ...over,
})
const fault = (spec: ShardSpec, over: Partial<Receipt>): string | undefined => {
  try {
    assertRoundReceipt(spec, receipt(over))
    return undefined
  } catch (error) {
    assert.ok(isAividaError(error) && error.category === 'peer', String(error))
    return error.code
  }
}

test('a contribution names an update for each slice, what its member goes on from, and what it began with', () => {
  const spec = replicaShard({ slices: [4_096, 5_000] })
  const right = { updates: [blob(2_100), blob(600)], state: blob(50_000), commitments: [sha256(new Uint8Array())] }
  assert.is(fault(spec, right), undefined)
  assert.is(fault(spec, { ...right, updates: [blob(2_100)] }), 'receipt.updates')
  assert.is(fault(spec, { ...right, updates: [blob(2_100), blob(0)] }), 'receipt.updates')
  assert.is(fault(spec, { ...right, updates: [blob(2_100), blob(1 << 30)] }), 'receipt.updates')
  assert.is(fault(spec, { state: right.state, commitments: right.commitments }), 'receipt.updates')
  assert.is(fault(spec, { updates: right.updates, commitments: right.commitments }), 'receipt.state')
  assert.is(fault(spec, { ...right, commitments: [] }), 'receipt.state')
})

test('a snapshot gives a checkpoint of a plausible size, and no updates', () => {
  const spec = replicaShard({ slices: [5_000], steps: 0 })
  const right = { state: blob(60_000), commitments: [sha256(new Uint8Array())] }
  assert.is(fault(spec, right), undefined)
  assert.is(fault(spec, { ...right, updates: [blob(10)] }), 'receipt.updates')
  assert.is(fault(spec, { ...right, state: blob(1 << 30) }), 'receipt.state')
})

test('a slice that was reduced is one update; shards of other jobs are no concern', () => {
  assert.is(fault(reduceShard({ length: 4_096 }), { updates: [blob(2_100)] }), undefined)
  assert.is(fault(reduceShard({ length: 4_096 }), {}), 'receipt.updates')
  assert.is(fault(reduceShard({ length: 4_096 }), { updates: [blob(1 << 20)] }), 'receipt.updates')
  const { replica: _, ...alone } = replicaShard({ slices: [9] })
  assert.is(fault(alone, {}), undefined)
})

test.run()
