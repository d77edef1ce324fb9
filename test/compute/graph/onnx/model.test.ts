import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { opsetVersion, readModel, signature, writeModel } from '../../../../runtime/compute/graph/index.ts'
import { refusesSync } from '../../../data/refusal.ts'
import { addModel, field, floats, model, tensor, value } from '../../../support/onnx-models.ts'

test('reading and writing keeps everything, fields of a later ONNX included', () => {
  const bytes = model(
    {
      nodes: [{ op: 'LeakyRelu', inputs: ['x'], outputs: ['y'], attributes: { alpha: { float: 0.5 } } }],
      inputs: [value('x', 'float32', ['n'])],
      outputs: [value('y', 'float32', ['n'])],
    },
    [field(26, [field(1, 'two accelerators')]), field(900, 'unheard of')],
  )
  const read = readModel(bytes)
  const copy = Buffer.from(writeModel(read))
  assert.is(copy.includes('unheard of'), true)
  assert.is(copy.includes('two accelerators'), true)
  assert.equal(Buffer.from(writeModel(readModel(copy))), copy)
  const node = readModel(copy).graph.node[0]!
  assert.equal([node.opType, node.input, node.output, node.attribute[0]!.f], ['LeakyRelu', ['x'], ['y'], 0.5])
})

test('weights are views of the file', () => {
  const weights = floats(...Array.from({ length: 1000 }, (_, i) => i))
  const bytes = model({
    nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    initializers: [tensor('w', 'float32', [1000], weights)],
    inputs: [value('x', 'float32', [1000])],
    outputs: [value('y', 'float32', [1000])],
  })
  const { rawData } = readModel(bytes).graph.initializer[0]!
  assert.equal(rawData, Buffer.from(weights))
  assert.is(rawData.buffer, bytes.buffer)
})

test('what is no ONNX model is refused', () => {
  for (const bytes of [
    new Uint8Array(),
    Buffer.from('no model\n'),
    Buffer.from('89504e470d0a1a0a', 'hex'),
    addModel().subarray(0, -9), // cut off
    Buffer.concat([field(1, 8)]), // no graph
    model({ nodes: [] }), // no outputs
    Buffer.concat([field(7, [field(2, 'nameless'), field(12, [field(1, 'y')])])]), // no IR version
  ]) {
    const error = refusesSync('model.not-onnx', () => readModel(bytes))
    assert.match(error.message, 'expected an ONNX model')
  }
})

test('the signature tells inputs and outputs, symbolic dimensions by name, without weights', () => {
  const { inputs, outputs } = signature(
    readModel(
      model({
        nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
        initializers: [tensor('w', 'float16', [3, 2], new Uint8Array(12))],
        inputs: [value('x', 'float16', ['rows', 3]), value('w', 'float16', [3, 2])],
        outputs: [value('y', 'float16', ['rows', '', 2])],
      }),
    ),
  )
  assert.equal(inputs, [{ name: 'x', dtype: 'float16', shape: ['rows', 3] }])
  assert.equal(outputs, [{ name: 'y', dtype: 'float16', shape: ['rows', '?', 2] }])
})

test('an input of unknown rank has no shape', () => {
  const x = [field(1, 'x'), field(2, [field(1, [field(1, 7)])])]
  const bytes = model({ nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }], inputs: [x], outputs: [x] })
  assert.equal(signature(readModel(bytes)).inputs, [{ name: 'x', dtype: 'int64' }])
})

test('a sequence and an element type without an engine are refused by name', () => {
  const sequence = [field(1, 'labels'), field(2, [field(4, [])])]
  const complex = [field(1, 'wave'), field(2, [field(1, [field(1, 14)])])]
  for (const input of [sequence, complex]) {
    const read = readModel(model({ nodes: [], inputs: [input], outputs: [value('y', 'bool', [])] }))
    assert.match(refusesSync('model.unsupported-type', () => signature(read)).message, /labels|wave/)
  }
})

test('opsets are found by domain', () => {
  const read = readModel(
    model({ nodes: [], outputs: [value('y', 'bool', [])] }, [field(8, [field(1, 'com.x'), field(2, 3)])], 19),
  )
  assert.is(opsetVersion(read), 19)
  assert.is(opsetVersion(read, 'ai.onnx'), 19)
  assert.is(opsetVersion(read, 'com.x'), 3)
  assert.is(opsetVersion(read, 'com.y'), 0)
})

test.run()
