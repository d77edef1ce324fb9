import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError } from '../../../../runtime/base/errors.ts'
import { TfjsEngine } from '../../../../runtime/compute/engine/tfjs/engine.ts'
import { loadTf } from '../../../../runtime/compute/engine/tfjs/library.ts'
import { tensorOf } from '../../../../runtime/data/tensor/typed-array.ts'
import { model, value } from '../../../support/onnx-models.ts'
import { torchBatch, torchExports, torchModel, torchTrajectory } from '../../../support/torch-exports.ts'

const test = suite('graphs on tfjs')
const engine = new TfjsEngine()

for (const { file, trajectories } of torchExports()) {
  if (file === 'resnet-torchscript.onnx') continue // batch norm in training mode: an operator that a step has, no forward graph
  test(`${file} gives PyTorch's logits, and leaves nothing behind`, async () => {
    const trajectory = torchTrajectory(trajectories.at(-1)!)
    const { shape, inputs } = torchBatch(trajectory, 0)
    const { tf } = await loadTf()
    const before = tf.memory().numTensors
    const session = await engine.load(torchModel(file))
    const loaded = tf.memory().numTensors
    const [{ name, dtype }] = session.inputs as [(typeof session.inputs)[0]]
    const elements = dtype === 'int64' ? BigInt64Array.from(inputs, BigInt) : Float32Array.from(inputs)
    const { logits } = await session.run({ [name]: tensorOf(elements, shape) })
    assert.is(tf.memory().numTensors, loaded)
    await session.close()
    assert.is(tf.memory().numTensors, before)
    const found = new Float32Array(logits!.data.buffer, logits!.data.byteOffset)
    for (const [i, wanted] of trajectory.logits_before.entries())
      assert.ok(Math.abs(found[i]! - wanted) < 2e-5, `logit ${i}: expected ${wanted}, found ${found[i]}`)
  })
}

const load = async (graph: Uint8Array) => {
  const error = await engine.load({ graph }).catch((thrown) => thrown)
  if (!isAividaError(error)) throw new Error(`loaded ${error}`)
  return error
}

test('an operator without a row is refused before anything is computed, by its name and its node', async () => {
  const graph = (op: string, outputs = ['y'], domain = '') =>
    model(
      {
        nodes: [
          { op: 'Neg', inputs: ['x'], outputs: ['minus'], name: 'first' },
          { op, inputs: ['minus'], outputs, name: 'second', domain },
        ],
        inputs: [value('x', 'float32', [1, 1, 4, 4])],
        outputs: [value('y', 'float32')],
      },
      [],
    )
  const error = await load(graph('DepthToSpace'))
  assert.is(error.code, 'engine.unsupported-op')
  assert.match(error.message, /node "second" \(DepthToSpace\)/)
  assert.equal(error.facts, { node: 'second', operator: 'DepthToSpace' })
  const indices = await load(graph('Erf', ['y', 'more']))
  assert.match(indices.message, /node "second" \(Erf\): 2 outputs; 1 can be given/)
})

test('an operator set whose rules are others is refused', async () => {
  const nodes = { nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }] }
  const graph = { ...nodes, inputs: [value('x', 'float32', [1])], outputs: [value('y', 'float32', [1])] }
  for (const opset of [12, 22]) assert.is((await load(model(graph, [], opset))).code, 'engine.unsupported-opset')
})

test('outputs that are inputs, or the same, are tensors of their own', async () => {
  const graph = model({
    nodes: [
      { op: 'Identity', inputs: ['x'], outputs: ['same'] },
      { op: 'Identity', inputs: ['same'], outputs: ['again'] },
    ],
    inputs: [value('x', 'float32', [2])],
    outputs: [value('x', 'float32', [2]), value('same', 'float32', [2]), value('again', 'float32', [2])],
  })
  const session = await engine.load({ graph })
  const x = tensorOf(Float32Array.of(1, 2))
  for (let run = 0; run < 2; run++) {
    const outputs = await session.run({ x })
    for (const name of ['x', 'same', 'again']) assert.equal(outputs[name], x)
  }
  await session.close()
})

test.run()
