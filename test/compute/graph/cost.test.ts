import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  costOfGraph,
  costOfModel,
  emit,
  GraphBuilder,
  gradients,
  readModel,
  writeModel,
} from '../../../runtime/compute/graph/index.ts'
import { tensorOf } from '../../../runtime/data/tensor/index.ts'
import { refusesSync } from '../../data/refusal.ts'

/** relu(x w + b), of x [batch, 4] and w [4, 3]. */
function layer(batch: number) {
  const g = new GraphBuilder()
  const x = g.input('x', { dtype: 'float32', shape: [batch, 4] })
  const w = g.constant(tensorOf(new Float32Array(12), [4, 3]))
  const b = g.constant(tensorOf(Float32Array.of(1, 2, 3)))
  return { g, x, y: g.apply('Relu', [g.gemm(x, w, { c: b })]) }
}

test('operations, bytes and parameters of a layer are those that one counts by hand', () => {
  const { g, y } = layer(5)
  assert.equal(costOfGraph(g, [y]), {
    operations: 2 * 5 * 3 * 4 + 5 * 3 + 5 * 3,
    bytesMoved: 4 * (5 * 4 + 4 * 3 + 3 + 5 * 3 + 5 * 3 + 5 * 3),
    parameters: 15,
    parameterBytes: 60,
    inputBytes: 80,
    outputBytes: 60,
    activationBytes: 2 * 60,
  })
})

test('a model costs what its graph does, at the sizes given for its symbols', () => {
  const { g, y } = layer(5)
  const model = readModel(writeModel(emit(g, { outputs: { y }, batch: 'n' })))
  const atSeven = layer(7)
  assert.equal(costOfModel(model, { dimensions: { n: 7 } }), costOfGraph(atSeven.g, [atSeven.y]))
  assert.match(refusesSync('cost.dimension', () => costOfModel(model)).message, /size for n in the shape of x/)
})

test('what is not alive at the same time is not added up, and a view is not counted', () => {
  const g = new GraphBuilder()
  let x = g.input('x', { dtype: 'float32', shape: [10] })
  for (let i = 0; i < 6; i++) x = g.reshape(g.apply('Exp', [x]), i % 2 === 0 ? [10] : [5, 2])
  assert.is(costOfGraph(g, [x]).activationBytes, 80)
})

test('a backward pass keeps what it needs alive', () => {
  const { g, x, y } = layer(5)
  const loss = g.sum(g.mul(y, y), undefined, false)
  const forward = costOfGraph(g, [loss])
  const both = costOfGraph(g, [loss, ...gradients(g, loss, [x])])
  assert.ok(both.operations > 1.8 * forward.operations)
  assert.ok(both.activationBytes > forward.activationBytes)
})

test.run()
