import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { emit, GraphBuilder, gradients, importForTraining, readModel } from '../../../../runtime/compute/graph/index.ts'
import { tensorOf, typedArrayOf } from '../../../../runtime/data/tensor/index.ts'
import { refusesSync } from '../../../data/refusal.ts'
import { runModel, someNumbers } from '../../../support/gradient-check.ts'
import {
  type Field,
  field,
  floats,
  type GraphInit,
  graph,
  model,
  node,
  tensor,
  value,
} from '../../../support/onnx-models.ts'

const ints = (...values: number[]) => new Uint8Array(BigInt64Array.from(values, BigInt).buffer)

/** A model of `x [2, 3] f32` with weights as inputs of the graph, run by both engines' graphs: the file's and ours. */
async function sameAsFile(bytes: Uint8Array): Promise<void> {
  const x = tensorOf(Float32Array.from(someNumbers(6)), [2, 3])
  const file = readModel(bytes)
  const imported = importForTraining(file)
  const g = new GraphBuilder()
  const inputs = { x: g.input('x', x) }
  const outputs = imported.forward(g, { inputs, parameter: ({ name, tensor }) => g.input(name, tensor) })
  const weights = Object.fromEntries(imported.parameters.map(({ name, tensor }) => [name, tensor]))
  const [expected, found] = [await runModel(file, { x }), await runModel(emit(g, { outputs }), { x, ...weights })]
  for (const name of Object.keys(expected)) {
    assert.equal(found[name]!.shape, expected[name]!.shape)
    assert.equal(typedArrayOf(found[name]!), typedArrayOf(expected[name]!))
  }
}

const io = { inputs: [value('x', 'float32', ['n', 3])], outputs: [value('y', 'float32', ['n', 'm'])] }

test('operators that older operator sets wrote otherwise compute the same', async () => {
  await sameAsFile(
    model(
      {
        ...io,
        nodes: [
          { op: 'ReduceSum', inputs: ['x'], outputs: ['sum'], attributes: { axes: [1] } },
          { op: 'Squeeze', inputs: ['sum'], outputs: ['flat'], attributes: { axes: [1] } },
          { op: 'Unsqueeze', inputs: ['flat'], outputs: ['column'], attributes: { axes: [1] } },
          { op: 'Sub', inputs: ['x', 'column'], outputs: ['less'] },
          { op: 'Split', inputs: ['less'], outputs: ['left', 'right'], attributes: { axis: 1, split: [1, 2] } },
          { op: 'Concat', inputs: ['right', 'left'], outputs: ['turned'], attributes: { axis: 1 } },
          { op: 'Pad', inputs: ['turned', 'pads'], outputs: ['padded'] },
          { op: 'Softmax', inputs: ['padded'], outputs: ['y'] },
        ],
        initializers: [tensor('pads', 'int64', [4], ints(0, 1, 0, 0))],
      },
      [],
      11,
    ),
  )
  await sameAsFile(
    model(
      {
        ...io,
        nodes: [
          { op: 'Slice', inputs: ['x'], outputs: ['part'], attributes: { starts: [1], ends: [3], axes: [1] } },
          { op: 'Clip', inputs: ['part'], outputs: ['clipped'], attributes: { min: { float: -0.25 } } },
          { op: 'Dropout', inputs: ['clipped'], outputs: ['y'] },
        ],
      },
      [],
      9,
    ),
  )
})

test('functions of a model are inlined, with what their calls give them', async () => {
  const body: Field[] = [
    field(1, 'Scaled'),
    field(4, 'a'),
    field(5, 'b'),
    field(6, 'power'),
    field(7, [...node({ op: 'Mul', inputs: ['a', 'a'], outputs: ['square'] })]),
    field(7, [
      ...node({ op: 'Concat', inputs: ['square', 'a'], outputs: ['b'] }),
      field(5, [field(1, 'axis'), field(20, 2), field(21, 'power')]),
    ]),
    field(9, [field(1, ''), field(2, 17)]),
    field(10, 'mine'),
  ]
  const nodes = [
    { op: 'Scaled', domain: 'mine', inputs: ['x'], outputs: ['h'], attributes: { power: 1 } },
    { op: 'Scaled', domain: 'mine', inputs: ['h'], outputs: ['y'], attributes: { power: 1 } },
  ]
  await sameAsFile(model({ ...io, nodes }, [field(8, [field(1, 'mine'), field(2, 1)]), field(25, body)]))
})

const dense = (weights: Field[][]): GraphInit => ({
  inputs: [value('x', 'float32', [2, 3])],
  outputs: [value('y', 'float32', [2, 2])],
  nodes: [
    { op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['h'], name: 'dense' },
    { op: 'Add', inputs: ['h', 'mask'], outputs: ['y'], name: 'masked' },
  ],
  initializers: weights,
})

test('weights are told from masks, and from zeros for a bias that is not there', () => {
  const imported = importForTraining(
    readModel(
      model({
        ...dense([
          tensor('w', 'float32', [3, 2], floats(1, 2, 3, 4, 5, 6)),
          tensor('b', 'float32', [2], floats(0, 0)),
          tensor('mask', 'float32', [2], floats(0, Number.NEGATIVE_INFINITY)),
          tensor('val_3', 'float32', [2], floats(0, 0)),
          tensor('scale', 'float32', [1], floats(2)),
        ]),
      }),
    ),
  )
  assert.equal(
    imported.parameters.map(({ name }) => name),
    ['w', 'b'],
  )
})

test('weights in files are read from where the model says, and missed by name', () => {
  const place = { location: 'weights.bin', offset: '8', length: '24' }
  const bytes = model(
    dense([
      tensor('w', 'float32', [3, 2], place),
      tensor('b', 'float32', [2], floats(7, 8)),
      tensor('mask', 'float32', [2], floats(1, 2)),
    ]),
  )
  const file = Buffer.concat([floats(9, 9), floats(1, 2, 3, 4, 5, 6)])
  const { parameters } = importForTraining(readModel(bytes), { weights: { 'weights.bin': file } })
  assert.equal(typedArrayOf(parameters[0]!.tensor), Float32Array.of(1, 2, 3, 4, 5, 6))
  assert.match(
    refusesSync('model.missing-weights', () => importForTraining(readModel(bytes))).message,
    /weights\.bin.*keeps w/,
  )
  const short = refusesSync('model.invalid', () =>
    importForTraining(readModel(bytes), { weights: { 'weights.bin': file.subarray(0, 20) } }),
  )
  assert.match(short.message, /bytes 8 to 32 of weights\.bin, which has 20/)
})

test('what cannot be trained is named: the operator set, the operator with its node, a branch', () => {
  const oneNode = (op: string, more = {}, opset = 17) =>
    readModel(model({ ...io, nodes: [{ op, inputs: ['x'], outputs: ['y'], name: 'encoder/odd', ...more }] }, [], opset))
  const forward = (file: ReturnType<typeof oneNode>) => {
    const g = new GraphBuilder()
    const inputs = { x: g.input('x', { dtype: 'float32', shape: [2, 3] }) }
    return {
      g,
      inputs,
      outputs: importForTraining(file).forward(g, { inputs, parameter: ({ tensor }) => g.constant(tensor) }),
    }
  }
  assert.match(
    refusesSync('graph.opset', () => importForTraining(oneNode('Relu', {}, 8))).message,
    /9 to 24, found 8; export it with/,
  )
  assert.match(refusesSync('graph.unknown-op', () => forward(oneNode('DFT'))).message, /encoder\/odd \(DFT\)/)
  const branch = { attributes: { then_branch: { graph: graph({ nodes: [] }) } } }
  assert.match(
    refusesSync('graph.attribute', () => forward(oneNode('If', branch))).message,
    /encoder\/odd \(If\).*branches and loops/,
  )
  const { g, inputs, outputs } = forward(oneNode('Pow', { inputs: ['x', 'x'] }))
  const noRule = refusesSync('graph.no-gradient', () => gradients(g, g.sum(outputs.y!, undefined, false), [inputs.x]))
  assert.match(noRule.message, /encoder\/odd \(Pow\)/)
})

test.run()
