import { create } from '@bufbuild/protobuf'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type Attributes,
  emit,
  GraphBuilder,
  type Model,
  type Value,
} from '../../../../../runtime/compute/graph/index.ts'
import { nodeProto, tensorProto, valueInfoProto } from '../../../../../runtime/compute/graph/onnx/node.ts'
import {
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
} from '../../../../../runtime/compute/graph/onnx/onnx_pb.ts'
import { elementCount } from '../../../../../runtime/data/tensor/check.ts'
import { type NamedTensors, type Tensor, tensorOf, typedArrayOf } from '../../../../../runtime/data/tensor/index.ts'
import { refusesSync } from '../../../../data/refusal.ts'
import { runModel, someNumbers } from '../../../../support/gradient-check.ts'

/** An operator as a node, which the engine knows how to run, and as we build it. */
interface Composed {
  readonly inputs: readonly (Tensor | undefined)[]
  readonly attributes?: Attributes
  readonly domain?: string
  /** Default: 18. */
  readonly opset?: number
  readonly op?: string
}

const some = (...shape: number[]) => tensorOf(Float32Array.from(someNumbers(elementCount(shape), shape.length)), shape)
const floats = (...values: number[]) => tensorOf(Float32Array.from(values))
const integers = (...values: number[]) => tensorOf(BigInt64Array.from(values, BigInt))
const resize = (to: { scales?: Tensor; sizes?: Tensor }, attributes: Attributes, x = some(1, 2, 4, 6)): Composed => ({
  op: 'Resize',
  inputs: [x, undefined, to.scales, to.sizes],
  attributes,
})

const CASES: Readonly<Record<string, Composed>> = {
  Gelu: { inputs: [some(3, 4)], opset: 20 },
  'Gelu by a tanh': { op: 'Gelu', inputs: [some(3, 4)], attributes: { approximate: 'tanh' }, opset: 20 },
  FastGelu: { inputs: [some(3, 4), some(4)], domain: 'com.microsoft' },
  BiasGelu: { inputs: [some(3, 4), some(4)], domain: 'com.microsoft' },
  QuickGelu: { inputs: [some(3, 4)], domain: 'com.microsoft' },
  HardSwish: { inputs: [some(3, 4)] },
  Mish: { inputs: [some(3, 4)] },
  Selu: { inputs: [some(3, 4)] },
  Celu: { inputs: [some(3, 4)], attributes: { alpha: { float: 0.5 } } },
  Softsign: { inputs: [some(3, 4)] },
  ThresholdedRelu: { inputs: [some(3, 4)], attributes: { alpha: { float: 0.2 } } },
  Sum: { inputs: [some(3, 4), some(4), some(3, 1)] },
  Mean: { inputs: [some(3, 4), some(4), some(3, 1)] },
  Max: { inputs: [some(3, 4), some(4), some(3, 1)] },
  ReduceL1: { inputs: [some(3, 4, 2), integers(1)], attributes: { keepdims: 0 } },
  ReduceLogSum: { inputs: [tensorOf(Float32Array.of(1, 2, 3, 4), [2, 2])] },
  LpNormalization: { inputs: [some(3, 4)], attributes: { axis: 0 } },
  InstanceNormalization: { inputs: [some(2, 3, 4), some(3), some(3)] },
  GroupNormalization: { inputs: [some(2, 4, 3), some(4), some(4)], attributes: { num_groups: 2 }, opset: 21 },
  LayerNormalization: { inputs: [some(2, 3, 4), some(4), some(4)] },
  SimplifiedLayerNormalization: { inputs: [some(2, 3, 4), some(4)] },
  Tile: { inputs: [some(2, 3), integers(3, 2)] },
  'Range of integers': { op: 'Range', inputs: [0, 7, 3].map((v) => tensorOf(BigInt64Array.of(BigInt(v)), [])) },
  'Range downwards': { op: 'Range', inputs: [1, -0.5, -0.25].map((v) => tensorOf(Float32Array.of(v), [])) },
  DepthToSpace: { inputs: [some(2, 8, 2, 3)], attributes: { blocksize: 2 } },
  'DepthToSpace, CRD': { op: 'DepthToSpace', inputs: [some(2, 8, 2, 3)], attributes: { blocksize: 2, mode: 'CRD' } },
  SpaceToDepth: { inputs: [some(2, 2, 4, 6)], attributes: { blocksize: 2 } },
  'Einsum of stacks': {
    op: 'Einsum',
    inputs: [some(2, 3, 4, 2), some(2, 5, 4, 2)],
    attributes: { equation: 'bqhd,bkhd->bhqk' },
  },
  'Einsum without an arrow': { op: 'Einsum', inputs: [some(3, 4), some(4, 2)], attributes: { equation: 'zj, jk' } },
  'Einsum of one': { op: 'Einsum', inputs: [some(2, 3, 4)], attributes: { equation: 'ijk->ki' } },
  'Resize, nearest, twice': resize(
    { scales: floats(1, 1, 2, 2) },
    { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
  ),
  'Resize, nearest, half pixels': resize({ scales: floats(1, 1, 2, 3) }, {}),
  'Resize, nearest, down': resize({ sizes: integers(1, 2, 3, 4) }, {}),
  'Resize, linear': resize({ scales: floats(1, 1, 2, 1.5) }, { mode: 'linear' }),
  'Resize, linear, corners aligned': resize(
    { sizes: integers(1, 2, 7, 3) },
    { mode: 'linear', coordinate_transformation_mode: 'align_corners' },
  ),
  'Resize, linear, as PyTorch': resize(
    { sizes: integers(1, 2, 1, 9) },
    { mode: 'linear', coordinate_transformation_mode: 'pytorch_half_pixel' },
  ),
  Upsample: { inputs: [some(1, 2, 2, 3), floats(1, 1, 2, 2)], opset: 9 },
}

for (const [name, each] of Object.entries(CASES))
  test(`${name} is what the engine computes`, async () => {
    const { op = name.split(/,? /)[0]!, inputs, attributes = {}, domain = '', opset = 18 } = each
    for (const target of ['cpu', 'portable'] as const) {
      const g = new GraphBuilder(target)
      const values = inputs.map((tensor, i) => tensor && (i > 0 ? g.constant(tensor) : anInput(g, op, tensor)))
      const [y] = g.applyAll(op, values, attributes, domain)
      const open = values[0]!.producer || values[0]!.constant ? {} : { x: inputs[0]! }
      const ours = (await runModel(emit(g, { outputs: { y: y! }, keepInputs: true }), open)).y!
      const theirs = (await runModel(asNode(op, { inputs, attributes, domain, opset }, y!), open)).y!
      assert.equal(ours.shape, theirs.shape)
      assert.equal(ours.dtype, theirs.dtype)
      const [found, expected] = [ours, theirs].map((t) => Array.from(typedArrayOf(t) as Float32Array, Number))
      const worst = Math.max(...found!.map((value, i) => Math.abs(value - expected![i]!)))
      assert.ok(worst < 2e-6, `${target}: off by ${worst}:\n${found}\n${expected}`)
    }
  })

/** The first input is open, unless it must be known at once. */
function anInput(g: GraphBuilder, op: string, tensor: Tensor): Value {
  return op === 'Range' ? g.constant(tensor) : g.input('x', tensor)
}

function asNode(op: string, { inputs, attributes = {}, domain = '', opset = 18 }: Composed, y: Value): Model {
  const names = inputs.map((tensor, i) => (tensor ? (i === 0 ? 'x' : `c${i}`) : ''))
  const known: NamedTensors = Object.fromEntries(
    inputs.flatMap((tensor, i) => (tensor && (i > 0 || op === 'Range') ? [[names[i]!, tensor]] : [])),
  )
  const [x] = inputs
  return create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(opset) }),
      create(OperatorSetIdProtoSchema, { domain: 'com.microsoft', version: 1n }),
    ],
    graph: create(GraphProtoSchema, {
      name: 'one',
      node: [nodeProto({ op, domain, inputs: names, outputs: ['y'], attributes })],
      initializer: Object.entries(known).map(([name, tensor]) => tensorProto(tensor, name)),
      input: known.x ? [] : [valueInfoProto({ name: 'x', dtype: x!.dtype, shape: [...x!.shape] })],
      output: [valueInfoProto({ name: 'y', dtype: y.dtype, shape: [...y.shape] })],
    }),
  }) as Model
}

test('what is not built is refused in words', () => {
  const g = new GraphBuilder()
  const input = (name: string, shape: readonly number[]) => g.input(name, { dtype: 'float32', shape })
  const [x, y] = [input('x', [2, 3, 4, 4]), input('y', [4, 4])]
  refusesSync('graph.attribute', () => g.apply('Einsum', [x, y], { equation: '...ij,jk->...ik' }))
  refusesSync('graph.shape', () => g.apply('Einsum', [y, y], { equation: 'ijk,jk->i' }))
  refusesSync('graph.shape', () => g.apply('Einsum', [y, input('z', [3, 4])], { equation: 'ij,jk->ik' }))
  refusesSync('graph.attribute', () =>
    g.apply('Resize', [x, undefined, g.constant(floats(1, 1, 2, 2))], { mode: 'cubic' }),
  )
  refusesSync('graph.dynamic', () => g.apply('Resize', [x, undefined, input('scales', [4])]))
  refusesSync('graph.attribute', () =>
    g.apply('Dropout', [x, g.scalar(0.5), g.constant(tensorOf(Uint8Array.of(1), [], 'bool'))]),
  )
  refusesSync('graph.dynamic', () =>
    g.apply('Range', [g.scalar(0), g.input('end', { dtype: 'float32', shape: [] }), g.scalar(1)]),
  )
  refusesSync('graph.attribute', () => g.apply('AveragePool', [x], { kernel_shape: [2, 2], dilations: [2, 1] }))
  refusesSync('graph.shape', () => g.apply('DepthToSpace', [x], { blocksize: 2 }))
})

/** The engine's own kernel for this is not in its inference builds. */
test('a batch is normalised by its own mean and variance', async () => {
  const g = new GraphBuilder()
  const x = g.input('x', { dtype: 'float32', shape: [4, 1] })
  const one = (value: number) => g.constant(floats(value))
  const [y, mean, variance] = g.applyAll('BatchNormalization', [x, one(2), one(1), one(10), one(20)], {
    training_mode: 1,
    momentum: { float: 0.75 },
    epsilon: { float: 0 },
  })
  const outputs = { y: y!, mean: mean!, variance: variance! }
  const told = await runModel(emit(g, { outputs }), { x: tensorOf(Float32Array.of(1, 1, 5, 5), [4, 1]) })
  const numbers = (name: string) => Array.from(typedArrayOf(told[name]!) as Float32Array)
  assert.equal(numbers('y'), [-1, -1, 3, 3])
  assert.equal([...numbers('mean'), ...numbers('variance')], [0.75 * 10 + 0.25 * 3, 0.75 * 20 + 0.25 * 4])
})

test('a batch that is left open stays open', async () => {
  const g = new GraphBuilder()
  const x = g.input('x', { dtype: 'float32', shape: [2, 4, 2, 2] })
  const shuffled = g.apply('DepthToSpace', [x], { blocksize: 2 })
  const resized = g.apply('Resize', [shuffled, undefined, g.constant(floats(1, 1, 2, 2))])
  const attended = g.apply('Einsum', [resized, resized], { equation: 'bchw,bcvw->bhv' })
  const scale = g.constant(floats(1, 2))
  const y = g.apply('GroupNormalization', [g.reshape(attended, [-1, 2, 32]), scale, scale], { num_groups: 2 })
  const model = emit(g, { outputs: { y }, batch: 'batch' })
  const told = await runModel(model, { x: some(5, 4, 2, 2) })
  assert.equal(told.y!.shape, [5, 2, 32])
})

test.run()
