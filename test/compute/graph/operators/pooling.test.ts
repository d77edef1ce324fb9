import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Attributes, emit, GraphBuilder, gradients, type Target } from '../../../../runtime/compute/graph/index.ts'
import { elementCount } from '../../../../runtime/data/tensor/check.ts'
import { tensorOf, typedArrayOf } from '../../../../runtime/data/tensor/index.ts'
import { checkGradients, runModel } from '../../../support/gradient-check.ts'

interface PoolCase {
  readonly x: readonly number[]
  readonly attributes: Attributes
  readonly y: readonly number[]
}

const POOLS: Readonly<Record<string, PoolCase>> = {
  'windows side by side': { x: [2, 3, 4, 6], attributes: { kernel_shape: [2, 2], strides: [2, 2] }, y: [2, 3, 2, 3] },
  'a rest behind': { x: [1, 2, 5, 7], attributes: { kernel_shape: [2, 3], strides: [2, 3] }, y: [1, 2, 2, 2] },
  'windows apart': { x: [1, 2, 7, 7], attributes: { kernel_shape: [2, 2], strides: [3, 3] }, y: [1, 2, 2, 2] },
  'windows that overlap': { x: [2, 2, 5, 6], attributes: { kernel_shape: [3, 3] }, y: [2, 2, 3, 4] },
  'windows that overlap, stride 2, padding': {
    x: [2, 2, 7, 8],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
    y: [2, 2, 4, 4],
  },
  'side by side, padding': {
    x: [1, 2, 4, 5],
    attributes: { kernel_shape: [2, 2], strides: [2, 2], pads: [1, 1, 1, 0] },
    y: [1, 2, 3, 3],
  },
  'rounded up': {
    x: [1, 2, 6, 7],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 },
    y: [1, 2, 3, 3],
  },
  'rounded up, padding': {
    x: [1, 1, 6, 8],
    attributes: { kernel_shape: [2, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 },
    y: [1, 1, 4, 5],
  },
  'auto_pad SAME_UPPER': {
    x: [1, 2, 5, 5],
    attributes: { kernel_shape: [3, 2], strides: [2, 2], auto_pad: 'SAME_UPPER' },
    y: [1, 2, 3, 3],
  },
  'one axis': { x: [2, 2, 7], attributes: { kernel_shape: [3], strides: [2], pads: [1, 1] }, y: [2, 2, 4] },
}
const DILATED: PoolCase = {
  x: [1, 2, 6, 7],
  attributes: { kernel_shape: [2, 3], dilations: [3, 2], strides: [1, 2] },
  y: [1, 2, 3, 2],
}

/** Far enough apart that a small step changes no maximum. */
const apart = (_: number, index: number) => ((index * 7919) % 509) / 50 - 5

const check = (op: string, name: string, { x, attributes, y }: PoolCase) => {
  for (const target of ['cpu', 'portable'] as const) {
    const what = `${op}, ${name}, ${target}`
    test(what, () =>
      checkGradients(what, {
        inputs: { x },
        dtype: 'float32',
        target,
        tolerance: 1e-3,
        map: apart,
        build: (g, named) => {
          const value = g.apply(op, [named.x], attributes)
          assert.equal(value.shape, [...y])
          return value
        },
      }),
    )
  }
}

for (const [name, each] of Object.entries({ ...POOLS, dilation: DILATED })) check('MaxPool', name, each)
for (const [name, each] of Object.entries(POOLS)) {
  check('AveragePool', name, each)
  const attributes = { ...each.attributes, count_include_pad: 1 }
  if (/padding|SAME/.test(name)) check('AveragePool', `${name} counted`, { ...each, attributes })
}
for (const op of ['GlobalAveragePool', 'GlobalMaxPool'])
  check(op, 'planes', { x: [2, 3, 4, 5], attributes: {}, y: [2, 3, 1, 1] })

test('the pool of a Relu is built as the Relu of a pool, and is the same', async () => {
  const g = new GraphBuilder()
  const x = g.input('x', { dtype: 'float32', shape: [1, 2, 4, 6] })
  const y = g.apply('MaxPool', [g.apply('Relu', [x])], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })
  assert.equal([y.producer!.op, y.producer!.inputs[0]!.producer!.op], ['Relu', 'MaxPool'])
  const below = g.neg(g.apply('Relu', [g.neg(x)])) // no Relu's output, so that its pool is left as it is
  const other = g.apply('MaxPool', [g.sub(x, below)], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })
  assert.is(other.producer!.op, 'MaxPool')
  const numbers = Float32Array.from({ length: 48 }, (_, i) => apart(0, i))
  const told = await runModel(emit(g, { outputs: { y, other } }), { x: tensorOf(numbers, [1, 2, 4, 6]) })
  assert.equal(typedArrayOf(told.y!), typedArrayOf(told.other!))
  assert.ok(Array.from(typedArrayOf(told.y!) as Float32Array).some((value) => value > 0))
})

/** The gradient of the pooled values' sum. */
async function sumGradient(target: Target, op: string, x: readonly number[], attributes: Attributes) {
  const g = new GraphBuilder(target)
  const input = g.input('x', { dtype: 'float32', shape: x })
  const loss = g.sum(g.apply(op, [input], attributes), undefined, false)
  const [dx] = gradients(g, loss, [input])
  const feeds = { x: tensorOf(new Float32Array(elementCount(x)), x) }
  const told = await runModel(emit(g, { outputs: { loss, dx: dx! }, keepInputs: true }), feeds)
  return Array.from(typedArrayOf(told.dx!) as Float32Array)
}

test('of equal elements the first has the gradient, as in PyTorch', async () => {
  const side = { kernel_shape: [2, 2], strides: [2, 2] }
  const overlapping = { kernel_shape: [3], strides: [1] }
  for (const target of ['cpu', 'portable'] as const) {
    assert.equal(await sumGradient(target, 'MaxPool', [1, 1, 2, 4], side), [1, 0, 1, 0, 0, 0, 0, 0])
    assert.equal(await sumGradient(target, 'MaxPool', [1, 1, 5], overlapping), [1, 1, 1, 0, 0])
    assert.equal(await sumGradient(target, 'GlobalMaxPool', [1, 2, 3], {}), [1, 0, 0, 1, 0, 0])
  }
})

test.run()
