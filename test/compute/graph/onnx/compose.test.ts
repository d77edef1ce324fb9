import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { OnnxRuntimeEngine } from '../../../../runtime/compute/engine/onnxruntime.ts'
import {
  DATA_TYPE_CODES,
  type Model,
  readModel,
  signature,
  withPostprocessing,
  withPreprocessing,
  writeModel,
} from '../../../../runtime/compute/graph/index.ts'
import { type NamedTensors, stringsOf, tensorOf, typedArrayOf } from '../../../../runtime/data/tensor/index.ts'
import { refusesSync } from '../../../data/refusal.ts'
import { addModel, field, model, value } from '../../../support/onnx-models.ts'

async function run(composed: Model, inputs: NamedTensors): Promise<NamedTensors> {
  const session = await new OnnxRuntimeEngine().load({ graph: writeModel(composed) })
  return session.run(inputs)
}

const floats = (shape: number[], ...values: number[]) => tensorOf(Float32Array.from(values), shape)

/** `sum[n, 3] = a + b`, with `a` from bytes. */
const fromBytes = (sum: Model): Model =>
  withPreprocessing(sum, {
    inputs: [{ name: 'bytes', dtype: 'uint8', shape: ['n', 3] }],
    constants: { scale: tensorOf(Float32Array.of(255), []) },
    nodes: [
      { op: 'Cast', inputs: ['bytes'], outputs: ['number'], attributes: { to: DATA_TYPE_CODES.float32 } },
      { op: 'Div', inputs: ['number', 'scale'], outputs: ['a'] },
    ],
  })

const toLargest = (sum: Model): Model =>
  withPostprocessing(sum, {
    nodes: [
      { op: 'ArgMax', inputs: ['sum'], outputs: ['at'], attributes: { axis: -1, keepdims: 0 } },
      { op: 'Cast', inputs: ['at'], outputs: ['largest'], attributes: { to: DATA_TYPE_CODES.int32 } },
    ],
    outputs: [{ name: 'largest', dtype: 'int32', shape: ['n'] }],
  })

test('nodes before and after a model run in onnxruntime', async () => {
  const composed = toLargest(fromBytes(readModel(addModel())))
  assert.equal(signature(composed), {
    inputs: [
      { name: 'bytes', dtype: 'uint8', shape: ['n', 3] },
      { name: 'b', dtype: 'float32', shape: ['n', 3] },
    ],
    outputs: [{ name: 'largest', dtype: 'int32', shape: ['n'] }],
  })
  const { largest } = await run(composed, {
    bytes: tensorOf(Uint8Array.of(255, 0, 0, 0, 0, 51), [2, 3]),
    b: floats([2, 3], 0, 0.5, 0, 0.1, 0.1, 0),
  })
  assert.equal([...typedArrayOf(largest!)], [0, 2])
})

test('the model it was made from stays as it is', () => {
  const sum = readModel(addModel())
  const before = writeModel(sum)
  toLargest(fromBytes(sum))
  assert.equal(writeModel(sum), before)
})

test('an IR 3 model, where weights are inputs too, takes constants', async () => {
  const old = readModel(
    Buffer.concat([
      field(1, 3),
      model(
        {
          nodes: [{ op: 'Neg', inputs: ['a'], outputs: ['y'] }],
          inputs: [value('a', 'float32', ['n', 3])],
          outputs: [value('y', 'float32', ['n', 3])],
        },
        [],
        9,
      ),
      field(1, 3),
    ]),
  )
  assert.is(old.irVersion, 3n)
  const { y } = await run(fromBytes(old), { bytes: tensorOf(Uint8Array.of(0, 51, 255), [1, 3]) })
  assert.equal([...typedArrayOf(y!)], [-0, Math.fround(-0.2), -1])
})

test('attributes of every kind arrive', async () => {
  const composed = withPostprocessing(readModel(addModel()), {
    nodes: [
      { op: 'LeakyRelu', inputs: ['sum'], outputs: ['leaky'], attributes: { alpha: { float: 0.25 } } },
      { op: 'Transpose', inputs: ['leaky'], outputs: ['turned'], attributes: { perm: [1, 0] } },
      { op: 'Constant', inputs: [], outputs: ['two'], attributes: { value_floats: { floats: [2, 2.5] } } },
      { op: 'Gemm', inputs: ['turned', 'two_by_two', ''], outputs: ['product'], attributes: { transB: 1n } },
      { op: 'Add', inputs: ['product', 'two'], outputs: ['sum_y'] },
      { op: 'Pad', inputs: ['sum_y', 'pads'], outputs: ['y'], attributes: { mode: 'edge' } },
      { op: 'Constant', inputs: [], outputs: ['words'], attributes: { value_strings: ['the', 'whale'] } },
    ],
    constants: {
      two_by_two: tensorOf(Float32Array.of(1, 0, 0, 1), [2, 2]),
      pads: tensorOf(BigInt64Array.of(0n, 0n, 1n, 0n)),
    },
    outputs: [
      { name: 'y', dtype: 'float32', shape: [4, 2] },
      { name: 'words', dtype: 'string' },
    ],
  })
  const { y, words } = await run(composed, {
    a: floats([2, 3], 1, -4, 0, 0, 8, -8),
    b: floats([2, 3], 0, 0, 0, 0, 0, 0),
  })
  assert.equal([...typedArrayOf(y!)], [3, 2.5, 1, 10.5, 2, 0.5, 2, 0.5])
  assert.equal(stringsOf(words!), ['the', 'whale'])
})

test('values that no one computes and names that are taken are refused', () => {
  const sum = readModel(addModel())
  const bytes = { name: 'bytes', dtype: 'uint8', shape: ['n', 3] } as const
  const cast = { op: 'Cast', inputs: ['bytes'], outputs: ['c'], attributes: { to: 1 } }
  const before = (nodes: Parameters<typeof withPreprocessing>[1]['nodes']) => () =>
    withPreprocessing(sum, { inputs: [bytes], nodes })
  assert.match(refusesSync('model.unknown-value', before([cast])).message, 'an input of the model (a, b)')
  refusesSync('model.unknown-value', before([{ op: 'Neg', inputs: ['c'], outputs: ['a'] }, cast]))
  refusesSync(
    'model.name-taken',
    before([
      { ...cast, outputs: ['sum'] },
      { ...cast, outputs: ['a'] },
    ]),
  )
  refusesSync(
    'model.name-taken',
    before([
      { ...cast, outputs: ['a'] },
      { ...cast, outputs: ['a'] },
    ]),
  )
  const outputs = [{ name: 'largest', dtype: 'int32', shape: ['n'] }] as const
  refusesSync('model.unknown-value', () => withPostprocessing(sum, { nodes: [], outputs }))
  refusesSync('model.attribute', () =>
    withPostprocessing(sum, {
      nodes: [{ op: 'LeakyRelu', inputs: ['sum'], outputs: ['largest'], attributes: { alpha: 0.5 } }],
      outputs,
    }),
  )
})

test.run()
