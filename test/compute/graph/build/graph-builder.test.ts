import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  emit,
  GraphBuilder,
  gradients,
  readModel,
  signature,
  writeModel,
} from '../../../../runtime/compute/graph/index.ts'
import { tensorOf, typedArrayOf } from '../../../../runtime/data/tensor/index.ts'
import { refusesSync } from '../../../data/refusal.ts'
import { runModel } from '../../../support/gradient-check.ts'

/** Refused with this code, in words that show what matters. */
const says = (act: () => unknown, code: string, words: RegExp) => assert.match(refusesSync(code, act).message, words)

const matrix = (shape: readonly number[]) => ({ dtype: 'float32' as const, shape })

test('a mistake is told where it is made, by layer and both shapes', () => {
  const g = new GraphBuilder()
  const [x, w] = [g.input('x', matrix([2, 3])), g.input('w', matrix([4, 5]))]
  g.within('encoder', () =>
    g.within('dense_1', () =>
      says(() => g.matmul(x, w), 'graph.shape', /encoder\/dense_1 \(MatMul\).*\[2, 3\] and \[4, 5\]/),
    ),
  )
  says(() => g.add(x, g.scalar(1, 'int64')), 'graph.dtype', /float32 and int64/)
  says(() => g.reshape(x, [4, -1]), 'graph.shape', /as many elements as \[2, 3\], found \[4, -1\]/)
  says(() => g.apply('Reshape', [x, g.input('where', { dtype: 'int64', shape: [2] })]), 'graph.dynamic', /constant/)
  says(() => g.apply('NonZero', [x]), 'graph.unknown-op', /NonZero/)
  says(() => g.input('x', matrix([])), 'graph.name-taken', /x/)
  says(() => new GraphBuilder().neg(x), 'graph.foreign-value', /x/)
})

test('what has no gradient, or does not reach the loss, is named', () => {
  const g = new GraphBuilder()
  const [x, other] = [g.input('x', matrix([2, 3])), g.input('other', matrix([2]))]
  const chosen = g.cast(g.apply('ArgMax', [x], { axis: 1 }), 'float32')
  const picked = g.apply('GatherND', [x, g.integers([0])])
  says(() => gradients(g, g.sum(picked, undefined, false), [x]), 'graph.no-gradient', /GatherND/)
  says(() => gradients(g, g.sum(chosen, undefined, false), [x]), 'graph.unreached', /x/)
  says(() => gradients(g, g.sum(x, undefined, false), [other]), 'graph.unreached', /other/)
  says(() => gradients(g, x, [x]), 'graph.shape', /scalar loss.*\[2, 3\]/)
})

test('what is known of shapes is computed while building, as exporters write them', () => {
  const g = new GraphBuilder()
  const x = g.input('x', matrix([2, 3, 4]))
  const shape = g.apply('Shape', [x])
  const rows = g.mul(
    g.apply('Gather', [shape, g.integers([0])]),
    g.apply('Slice', [shape, g.integers([1]), g.integers([2])]),
  )
  const flat = g.apply('Reshape', [x, g.concat([rows, g.integers([-1])], 0)])
  assert.equal(flat.shape, [6, 4])
  assert.equal(
    g.nodes.map(({ op }) => op),
    ['Reshape'],
  )
})

test('equal calls are one value, and equal graphs equal bytes', () => {
  const build = () => {
    const g = new GraphBuilder()
    const x = g.input('x', matrix([3]))
    return { g, y: g.add(g.mul(x, x), g.mul(x, x)) }
  }
  const { g, y } = build()
  assert.is(g.nodes.length, 2)
  const again = build()
  assert.equal(writeModel(emit(g, { outputs: { y } })), writeModel(emit(again.g, { outputs: { y: again.y } })))
})

test('a file holds what its outputs need, under their names, and takes any batch where layers leave it open', async () => {
  const g = new GraphBuilder()
  const [x, unused] = [g.input('x', matrix([2, 2, 3])), g.input('unused', matrix([1]))]
  const y = g.reshape(g.scale(x, 2), [-1, 6])
  g.neg(unused)
  const model = readModel(writeModel(emit(g, { outputs: { y, same: y, x: x, one: g.scalar(1) }, batch: 'n' })))
  assert.equal(signature(model), {
    inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 2, 3] }],
    outputs: [
      { name: 'y', dtype: 'float32', shape: ['n', 6] },
      { name: 'same', dtype: 'float32', shape: ['n', 6] },
      { name: 'x', dtype: 'float32', shape: ['n', 2, 3] },
      { name: 'one', dtype: 'float32', shape: [] },
    ],
  })
})

test('the file runs with another batch size', async () => {
  const g = new GraphBuilder()
  const x = g.input('x', matrix([2, 2, 3]))
  const model = emit(g, { outputs: { y: g.reshape(g.scale(x, 2), [-1, 6]) }, batch: 'n' })
  const { y } = await runModel(model, {
    x: tensorOf(
      Float32Array.from({ length: 18 }, (_, i) => i),
      [3, 2, 3],
    ),
  })
  assert.equal(y!.shape, [3, 6])
  assert.equal(
    typedArrayOf(y!),
    Float32Array.from({ length: 18 }, (_, i) => 2 * i),
  )
})

test.run()
