import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeTensors, type NamedTensors, tensorOf } from '../../../runtime/data/tensor/index.ts'
import { trainedBy } from '../../../runtime/job/coordinator/trained-results.ts'
import type { Receipt } from '../../../runtime/protocol/index.ts'
import { refusesSync } from '../../data/refusal.ts'
import { trainShard } from '../../support/training-shard.ts'

const state = { blob: 'a'.repeat(64), sizeBytes: 8 }
const receipt = { state, worker: 'worker', lease: 'lease' } as unknown as Receipt
const row = (...values: number[]) => tensorOf(Float32Array.from(values), [values.length])

function taken(tensors: NamedTensors, given: Receipt = receipt) {
  return trainedBy(trainShard({ steps: 2 }), given, new Uint8Array(Buffer.concat(encodeTensors(tensors))))
}

test('the last row of an evaluation is what a checkpoint was measured by', () => {
  const loss = row(2, 1)
  assert.equal(taken({ loss, 'validation.loss': row(Number.NaN, 3), 'validation.x': row(1, Number.NaN) }), {
    state,
    validation: { loss: 3 },
  })
  assert.equal(taken({ loss }), { state })
  assert.equal(taken({ loss, [`validation.${'n'.repeat(65)}`]: loss }), { state }, 'the journal takes 64 characters')
})

test('metrics that no honest worker sends are an offence, not the end of the job', () => {
  const loss = row(2, 1)
  for (const tensors of [
    {},
    { loss: row(1) },
    { loss, other: row(1, 2, 3) },
    { loss, 'validation.text': tensorOf(['a', 'b']) },
  ] as NamedTensors[])
    refusesSync('receipt.metrics', () => taken(tensors))
  const { state: _, ...stateless } = receipt
  refusesSync('receipt.state', () => taken({ loss }, stateless as Receipt))
})

test.run()
