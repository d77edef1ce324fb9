import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  dense,
  fanInUniform,
  glorotNormal,
  glorotUniform,
  heNormal,
  heUniform,
  type Initializer,
  initialTensor,
  meanSquaredError,
  normal,
  ones,
  relu,
  sequential,
  sgd,
  trainingStep,
  uniform,
  zeros,
} from '../../../../runtime/compute/graph/index.ts'
import { numbersOf } from '../../../support/trained-model.ts'

const filled = (initializer: Initializer, shape: readonly number[], name = 'w', seed = 1) =>
  numbersOf(initialTensor(initializer, { name, shape, seed }))

test('numbers have the spread of their rule, around zero', () => {
  const dense = [200, 300] // fan in 200, out 300
  const kernel = [40, 30, 3, 5] // fan in 450, out 600
  const rules: readonly [Initializer, readonly number[], number][] = [
    [normal(0.3), dense, 0.3],
    [uniform(0.3), dense, 0.3 / Math.sqrt(3)],
    [glorotNormal, dense, Math.sqrt(2 / 500)],
    [glorotUniform, dense, Math.sqrt(2 / 500)],
    [glorotUniform, kernel, Math.sqrt(2 / 1050)],
    [heNormal, dense, Math.sqrt(2 / 200)],
    [heNormal, kernel, Math.sqrt(2 / 450)],
    [heUniform, kernel, Math.sqrt(2 / 450)],
    [fanInUniform, kernel, Math.sqrt(1 / 450 / 3)],
  ]
  for (const [at, [rule, shape, expected]] of rules.entries()) {
    const values = filled(rule, shape)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
    assert.ok(Math.abs(mean) < 0.03 * expected, `rule ${at}: mean ${mean}`)
    assert.ok(Math.abs(deviation / expected - 1) < 0.03, `rule ${at}: deviation ${deviation} for ${expected}`)
  }
  assert.equal(Array.from(filled(zeros, [2])), [0, 0])
  assert.equal(Array.from(filled(ones, [2])), [1, 1])
  assert.is(filled(normal(1), [3]).length, 3, 'odd counts too')
})

test('what a parameter begins with depends on seed and name, on no other layer', () => {
  const first = filled(heNormal, [8, 8])
  assert.equal(filled(heNormal, [8, 8]), first)
  assert.not.equal(filled(heNormal, [8, 8], 'v'), first)
  assert.not.equal(filled(heNormal, [8, 8], 'w', 2), first)
  const begin = (layers: Parameters<typeof sequential>[0]) =>
    trainingStep({
      model: sequential(layers),
      loss: meanSquaredError(),
      optimizer: sgd(),
      inputs: { x: { dtype: 'float32', shape: [3] }, labels: { dtype: 'float32', shape: [2] } },
      batchSize: 1,
    }).initialState()['last/weight']
  const last = dense(2, { name: 'last' })
  assert.equal(begin([dense(4), relu(), last]), begin([dense(4), dense(4), last]))
})

test.run()
