import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { tensorOf } from '../../../runtime/data/tensor/index.ts'
import { measuredIn } from '../../../runtime/node/record/curves.ts'

const test = suite('what a part measured')

test('columns of metrics alone: no counts, no rates, and nothing of an evaluation, which its checkpoint tells', () => {
  const columns = {
    row: tensorOf(BigInt64Array.of(0n, 1n)),
    step: tensorOf(BigInt64Array.of(1n, 2n)),
    member: tensorOf(BigInt64Array.of(0n, 0n)),
    learningRate: tensorOf(Float32Array.of(0.1, 0.1)),
    loss: tensorOf(Float32Array.of(2, 1)),
    'validation.loss': tensorOf(Float32Array.of(Number.NaN, 1.5)),
    embedding: tensorOf(Float32Array.of(1, 2), [2, 1]),
  }
  assert.equal(measuredIn(columns), { loss: [2, 1] })
  assert.equal(measuredIn({}), {})
})

test.run()
