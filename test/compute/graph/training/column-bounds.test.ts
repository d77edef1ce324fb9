import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  crossEntropy,
  dense,
  embedding,
  flatten,
  nextTokens,
  sequential,
  sgd,
  type TrainingInit,
  trainingStep,
} from '../../../../runtime/compute/graph/index.ts'

/** What a step says of its columns. */
function boundsOf(init: Pick<TrainingInit, 'model' | 'inputs' | 'prepare' | 'accumulate'>) {
  const { signature } = trainingStep({ ...init, loss: crossEntropy(), optimizer: sgd(), batchSize: 4 })
  return Object.fromEntries(signature.batch.map(({ name, below }) => [name, below]))
}

const reader = sequential([embedding(9, 3), flatten(), dense(5)])
const labels = { dtype: 'int64', shape: [] } as const

test('a step says what labels and tokens have to stay below', () => {
  for (const accumulate of [1, 2]) {
    const inputs = { tokens: { dtype: 'uint8', shape: [6] }, labels } as const
    assert.equal(boundsOf({ model: reader, inputs, accumulate }), { tokens: 9, labels: 5 })
    const windows = { tokens: { dtype: 'uint8', shape: [7] } } as const
    const model = sequential([embedding(9, 3), dense(8)])
    assert.equal(boundsOf({ model, inputs: windows, prepare: nextTokens(), accumulate }), { tokens: 8 })
  }
})

test('it says nothing of numbers, nor of a column that is looked up in part', () => {
  const inputs = { x: { dtype: 'int64', shape: [3] }, labels } as const
  const numbers: TrainingInit['model'] = (s, { x }) => s.call(dense(5), s.g.cast(x!, 'float32'))
  assert.equal(boundsOf({ model: numbers, inputs }), { x: undefined, labels: 5 })
  const part: TrainingInit['model'] = (s, { x }) => s.call(reader, s.g.slice(x!, { axes: [1], starts: [0], ends: [2] }))
  assert.equal(boundsOf({ model: part, inputs }), { x: undefined, labels: 5 })
})

test('fields side by side in one column may each have a number of their own', () => {
  const inputs = { fields: { dtype: 'int64', shape: [2] }, labels } as const
  const model: TrainingInit['model'] = (s, { fields }) => {
    const field = (at: number) => s.g.slice(fields!, { axes: [1], starts: [at], ends: [at + 1] })
    const [day, place] = [s.call(embedding(7, 3), field(0)), s.call(embedding(1_000, 3), field(1))]
    return s.call(sequential([flatten(), dense(5)]), s.g.concat([day, place], 1))
  }
  assert.equal(boundsOf({ model, inputs }), { fields: 1_000, labels: 5 })
})

test.run()
