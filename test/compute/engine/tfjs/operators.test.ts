import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Engine } from '../../../../runtime/compute/engine/engine.ts'
import { OnnxRuntimeEngine } from '../../../../runtime/compute/engine/onnxruntime.ts'
import { TfjsEngine } from '../../../../runtime/compute/engine/tfjs/engine.ts'
import { OPERATORS } from '../../../../runtime/compute/engine/tfjs/operators/index.ts'
import type { DType, NamedTensors, Tensor } from '../../../../runtime/data/tensor/tensor.ts'
import { tensorOf, typedArrayOf } from '../../../../runtime/data/tensor/typed-array.ts'
import { type Attribute, model, tensor, value } from '../../../support/onnx-models.ts'

const test = suite('tfjs operators')

const onnxruntime = new OnnxRuntimeEngine()
const tfjs = new TfjsEngine()

/** Floats of this shape, or integers that become a constant, or a whole tensor; `undefined` for an absent one. */
type Input = readonly ['f', ...number[]] | readonly ['i', ...number[]] | Tensor | undefined

interface Case {
  readonly op: string
  readonly inputs: readonly Input[]
  readonly attributes?: Readonly<Record<string, Attribute>>
  /** Element types of the outputs. Default: one of float32. */
  readonly outputs?: readonly DType[]
  readonly opset?: number
  /** Of float inputs. Default: from -2 to 2. */
  readonly positive?: boolean
}

const f = (...shape: number[]): Input => ['f', ...shape]
const i = (...numbers: number[]): Input => ['i', ...numbers]
const bool = (...values: number[]): Tensor => tensorOf(Uint8Array.from(values), [values.length], 'bool')
const whole = (shape: number[], ...values: number[]): Tensor => tensorOf(BigInt64Array.from(values, BigInt), shape)
const int32 = (...values: number[]): Tensor => tensorOf(Int32Array.from(values))
const each = (ops: string, rest: Omit<Case, 'op'>): Case[] => ops.split(' ').map((op) => ({ op, ...rest }))

const CASES: readonly Case[] = [
  ...each(
    'Abs Neg Sign Exp Sin Cos Erf Floor Ceil Round Relu LeakyRelu Elu Sigmoid HardSigmoid Tanh Softplus Identity',
    {
      inputs: [f(3, 4)],
    },
  ),
  ...each('Tan Atan Sinh Cosh Asinh', { inputs: [f(3, 4)] }),
  ...each('Asin Acos Atanh', { inputs: [tensorOf(Float32Array.of(-0.9, -0.1, 0, 0.5))] }),
  { op: 'Acosh', inputs: [tensorOf(Float32Array.of(1, 1.5, 7))] },
  { op: 'Mod', inputs: [int32(7, -7, 7, -7), int32(3, 3, -3, -3)], outputs: ['int32'] },
  { op: 'Mod', inputs: [f(6), f(6)], attributes: { fmod: 1 } },
  ...each('Sqrt Log Reciprocal', { inputs: [f(3, 4)], positive: true }),
  { op: 'Gelu', inputs: [f(9)], opset: 20 },
  { op: 'Gelu', inputs: [f(9)], opset: 20, attributes: { approximate: 'tanh' } },
  ...each('Add Sub Mul Div PRelu', { inputs: [f(3, 1, 4), f(2, 4)] }).map((each) =>
    each.op === 'PRelu' ? { ...each, inputs: [f(3, 4), f(4)] } : each,
  ),
  ...each('Add Sub Mul Div', { inputs: [int32(7, -7, 9, 0), int32(2, 2, -4, 5)], outputs: ['int32'] }),
  { op: 'Pow', inputs: [f(3, 4), f(4)], positive: true },
  ...each('Min Max Sum', { inputs: [f(3, 4), f(4), f(3, 1)] }),
  { op: 'Clip', inputs: [f(20), tensorOf(Float32Array.of(-0.5), []), tensorOf(Float32Array.of(0.25), [])] },
  { op: 'Clip', inputs: [f(20), undefined, tensorOf(Float32Array.of(0.25), [])] },
  ...each('Equal Less LessOrEqual Greater GreaterOrEqual', {
    inputs: [int32(1, 2, 3), int32(2, 2, 2)],
    outputs: ['bool'],
  }),
  ...each('And Or Xor', { inputs: [bool(0, 0, 1, 1), bool(0, 1, 0, 1)], outputs: ['bool'] }),
  { op: 'Not', inputs: [bool(0, 1)], outputs: ['bool'] },
  { op: 'IsNaN', inputs: [tensorOf(Float32Array.of(1, Number.NaN))], outputs: ['bool'] },
  { op: 'IsInf', inputs: [tensorOf(Float32Array.of(1, Number.POSITIVE_INFINITY))], outputs: ['bool'] },
  { op: 'Where', inputs: [bool(0, 1, 1), f(2, 3), f(2, 1)] },
  ...each('ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSumExp', {
    inputs: [f(2, 3, 4), i(-1, 0)],
    opset: 18,
  }),
  { op: 'ReduceSum', inputs: [f(2, 3)], attributes: { keepdims: 0 } },
  { op: 'ReduceSum', inputs: [f(2, 3), undefined], attributes: { noop_with_empty_axes: 1 } },
  { op: 'ReduceMax', inputs: [f(2, 3)], attributes: { axes: [1] } },
  { op: 'ArgMax', inputs: [f(2, 5)], attributes: { axis: -1, keepdims: 0 }, outputs: ['int64'] },
  { op: 'ArgMin', inputs: [f(2, 5)], outputs: ['int64'] },
  ...each('Softmax LogSoftmax', { inputs: [f(2, 3, 4)], attributes: { axis: 1 } }),
  { op: 'CumSum', inputs: [f(2, 4), i(1)], attributes: { reverse: 1, exclusive: 1 } },
  { op: 'Dropout', inputs: [f(4)] },
  { op: 'Cast', inputs: [int32(0, 3, -2)], attributes: { to: 1 } },
  { op: 'Cast', inputs: [tensorOf(Float32Array.of(0, 1.9, -1.9))], attributes: { to: 7 }, outputs: ['int64'] },
  { op: 'Cast', inputs: [tensorOf(Float32Array.of(0, 2, -2))], attributes: { to: 9 }, outputs: ['bool'] },
  { op: 'Cast', inputs: [int32(0, 255, 256, -1)], attributes: { to: 2 }, outputs: ['uint8'] },
  { op: 'Cast', inputs: [int32(0, 127, 128, -129)], attributes: { to: 3 }, outputs: ['int8'] },
  { op: 'Reshape', inputs: [f(2, 6), i(0, -1, 3)] },
  { op: 'Flatten', inputs: [f(2, 3, 4)], attributes: { axis: -1 } },
  { op: 'Squeeze', inputs: [f(1, 3, 1), i(-1)] },
  { op: 'Squeeze', inputs: [f(1, 3, 1)] },
  { op: 'Unsqueeze', inputs: [f(3, 2), i(0, -1)] },
  { op: 'Transpose', inputs: [f(2, 3, 4)], attributes: { perm: [2, 0, 1] } },
  { op: 'Transpose', inputs: [f(2, 3)] },
  { op: 'Expand', inputs: [f(3, 1), i(2, 1, 4)] },
  { op: 'Tile', inputs: [f(2, 3), i(2, 1)] },
  { op: 'Shape', inputs: [f(2, 3, 4)], attributes: { start: -2 }, outputs: ['int64'] },
  { op: 'Size', inputs: [f(2, 3, 4)], outputs: ['int64'] },
  { op: 'Constant', inputs: [], attributes: { value: { tensor: tensor('', 'float32', [2], new Uint8Array(8)) } } },
  { op: 'Constant', inputs: [], attributes: { value_ints: [3, -1] }, outputs: ['int64'] },
  { op: 'ConstantOfShape', inputs: [i(2, 3)] },
  { op: 'Range', inputs: [0.5, 3, 0.7].map((each) => tensorOf(Float32Array.of(each), [])) },
  { op: 'Concat', inputs: [f(2, 3), f(2, 1)], attributes: { axis: -1 } },
  { op: 'Split', inputs: [f(2, 5), i(2, 3)], attributes: { axis: 1 }, outputs: ['float32', 'float32'] },
  { op: 'Split', inputs: [f(5, 2)], attributes: { num_outputs: 2 }, outputs: ['float32', 'float32'], opset: 18 },
  { op: 'Slice', inputs: [f(4, 6), i(1, -3), i(3, 100), i(0, 1)] },
  { op: 'Slice', inputs: [f(4, 6), i(-1), i(-100), i(1), i(-2)] },
  { op: 'Slice', inputs: [f(7), i(1), i(7), i(0), i(3)] },
  { op: 'Pad', inputs: [f(2, 3), i(1, 0, 0, 2), tensorOf(Float32Array.of(5), [])] },
  { op: 'Pad', inputs: [f(4, 3), i(-1, 0, 0, 1)] },
  { op: 'Pad', inputs: [f(2, 3), i(0, 1, 0, 2)], attributes: { mode: 'reflect' } },
  { op: 'Gather', inputs: [f(4, 3), i(0, -1, 2)] },
  { op: 'Gather', inputs: [f(2, 3, 4), tensorOf(BigInt64Array.of(1n, 0n, 2n, 2n), [2, 2])], attributes: { axis: 1 } },
  { op: 'OneHot', inputs: [i(2, 0, -1), tensorOf(BigInt64Array.of(4n), []), tensorOf(Float32Array.of(-1, 3))] },
  {
    op: 'OneHot',
    inputs: [tensorOf(BigInt64Array.of(2n, 0n, 1n, 3n), [2, 2]), i(4), tensorOf(Float32Array.of(0, 1))],
    attributes: { axis: 1 },
  },
  { op: 'GatherElements', inputs: [f(3, 4), whole([2, 4], 0, 2, -1, 1, 1, 0, 2, 2)] },
  { op: 'GatherElements', inputs: [f(2, 3), whole([2, 2], 0, 2, -1, 1)], attributes: { axis: -1 } },
  { op: 'GatherND', inputs: [f(3, 4, 2), whole([2, 2], 0, 1, 2, -1)] },
  { op: 'ScatterND', inputs: [f(4, 3), whole([2, 1], 2, 0), f(2, 3)] },
  { op: 'ScatterND', inputs: [f(4), whole([3, 1], 1, 1, 3), f(3)], attributes: { reduction: 'add' } },
  { op: 'ScatterElements', inputs: [f(3, 4), whole([1, 2], 2, -2), f(1, 2)], attributes: { axis: 0 } },
  {
    op: 'ScatterElements',
    inputs: [f(2, 4), whole([2, 2], 0, 1, 3, 3), f(2, 2)],
    attributes: { axis: 1, reduction: 'add' },
  },
  {
    op: 'Resize',
    inputs: [f(1, 2, 3, 2), undefined, tensorOf(Float32Array.of(1, 1, 2, 3))],
    attributes: { mode: 'nearest' },
  },
  {
    op: 'Resize',
    inputs: [f(1, 2, 3), undefined, tensorOf(Float32Array.of(1, 1, 2))],
    attributes: { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
  },
  { op: 'Trilu', inputs: [f(2, 3, 4), tensorOf(BigInt64Array.of(-1n), [])] },
  { op: 'Trilu', inputs: [f(4, 4)], attributes: { upper: 0 } },
  { op: 'MatMul', inputs: [f(2, 3), f(3, 4)] },
  { op: 'MatMul', inputs: [f(5, 1, 2, 3), f(2, 3, 4)] },
  { op: 'MatMul', inputs: [f(3), f(2, 3, 4)] },
  { op: 'MatMul', inputs: [f(2, 3), f(3)] },
  { op: 'MatMul', inputs: [f(2, 3, 4), f(4, 5)] },
  { op: 'MatMul', inputs: [f(2, 3, 4), f(4)] },
  { op: 'MatMul', inputs: [f(2, 5, 3, 4), f(2, 5, 4, 2)] },
  {
    op: 'Gemm',
    inputs: [f(3, 2), f(4, 3), f(4)],
    attributes: { transA: 1, transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } },
  },
  { op: 'Gemm', inputs: [f(2, 3), f(3, 4)] },
  { op: 'Einsum', inputs: [f(2, 3, 4), f(2, 4, 5)], attributes: { equation: 'bij,bjk->bik' } },
  { op: 'Conv', inputs: [f(2, 3, 7, 6), f(4, 3, 3, 2), f(4)], attributes: { pads: [1, 0, 2, 1], strides: [2, 1] } },
  { op: 'Conv', inputs: [f(2, 3, 7, 6), f(4, 3, 3, 2)], attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] } },
  { op: 'Conv', inputs: [f(1, 3, 9, 9), f(4, 3, 3, 3)], attributes: { dilations: [2, 2], strides: [2, 3] } },
  { op: 'Conv', inputs: [f(2, 4, 5, 5), f(6, 2, 3, 3), f(6)], attributes: { group: 2, pads: [1, 1, 1, 1] } },
  { op: 'Conv', inputs: [f(2, 4, 5, 5), f(4, 1, 3, 3)], attributes: { group: 4 } },
  { op: 'Conv', inputs: [f(2, 3, 8), f(4, 3, 3)], attributes: { strides: [2] } },
  { op: 'Conv', inputs: [f(1, 2, 4, 4, 4), f(3, 2, 2, 2, 2)] },
  {
    op: 'ConvTranspose',
    inputs: [f(2, 3, 4, 5), f(3, 2, 3, 3), f(2)],
    attributes: { strides: [2, 1], pads: [1, 0, 0, 1] },
  },
  {
    op: 'ConvTranspose',
    inputs: [f(1, 4, 4, 4), f(4, 3, 3, 3)],
    attributes: { group: 2, strides: [2, 2], dilations: [2, 1], output_padding: [1, 1] },
  },
  { op: 'MaxPool', inputs: [f(2, 3, 7, 6)], attributes: { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 1, 0] } },
  { op: 'MaxPool', inputs: [f(1, 1, 7, 7)], attributes: { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 } },
  { op: 'MaxPool', inputs: [f(1, 1, 9)], attributes: { kernel_shape: [3], dilations: [2] } },
  {
    op: 'MaxPool',
    inputs: [f(2, 3, 7, 6)],
    attributes: { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 1, 0] },
    outputs: ['float32', 'int64'],
  },
  {
    op: 'MaxUnpool',
    inputs: [f(1, 2, 2, 2), whole([1, 2, 2, 2], 0, 3, 9, 14, 16, 19, 24, 31)],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
  },
  {
    op: 'MaxUnpool',
    inputs: [f(1, 1, 2, 2), whole([1, 1, 2, 2], 0, 3, 10, 24), i(1, 1, 5, 5)],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
  },
  {
    op: 'AveragePool',
    inputs: [f(2, 3, 6, 6)],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  },
  {
    op: 'AveragePool',
    inputs: [f(2, 3, 6, 6)],
    attributes: { kernel_shape: [2, 2], pads: [1, 0, 0, 1], count_include_pad: 1 },
  },
  ...each('GlobalMaxPool GlobalAveragePool', { inputs: [f(2, 3, 4, 5)] }),
  { op: 'BatchNormalization', inputs: [f(2, 3, 4), f(3), f(3), f(3), f(3)], positive: true },
  { op: 'LayerNormalization', inputs: [f(2, 3, 4), f(4), f(4)], attributes: { epsilon: { float: 1e-3 } } },
  { op: 'LayerNormalization', inputs: [f(2, 3, 4), f(3, 4)], attributes: { axis: 1 } },
]

for (const [number, each] of CASES.entries())
  test(`${each.op} (${number}) gives what onnxruntime gives`, async () => {
    const { graph, inputs } = build(each)
    const [expected, found] = [await run(onnxruntime, graph, inputs), await run(tfjs, graph, inputs)]
    for (const [name, tensor] of Object.entries(expected)) {
      assert.equal([found[name]!.dtype, found[name]!.shape], [tensor.dtype, tensor.shape])
      const [a, b] = [Array.from(typedArrayOf(found[name]!), Number), Array.from(typedArrayOf(tensor), Number)]
      for (const [at, want] of b.entries())
        assert.ok(
          Object.is(a[at], want) || Math.abs(a[at]! - want) <= 2e-6 * Math.max(1, Math.abs(want)),
          `${name}[${at}]: expected ${want}, found ${a[at]}`,
        )
    }
  })

test('each row is held to a case', () => {
  const tried = new Set(CASES.map(({ op }) => op))
  assert.equal(
    Object.keys(OPERATORS).filter((op) => !tried.has(op)),
    [],
  )
})

/** A model of one node; integers are constants of it, floats its inputs, the same numbers each time. */
function build({ op, inputs, attributes = {}, outputs = ['float32'], opset = 17, positive = false }: Case) {
  const given: [string, Tensor][] = []
  const constants: [string, Tensor][] = []
  const names = inputs.map((input, at) => {
    if (!input) return ''
    if (!Array.isArray(input)) given.push([`x${at}`, input as Tensor])
    else if (input[0] === 'f') given.push([`x${at}`, numbers(input.slice(1), at, positive)])
    else constants.push([`x${at}`, tensorOf(BigInt64Array.from(input.slice(1), BigInt))])
    return `x${at}`
  })
  const results = outputs.map((_, at) => `y${at}`)
  const graph = model(
    {
      nodes: [{ op, name: 'it', inputs: names, outputs: results, attributes }],
      inputs: given.map(([name, { dtype, shape }]) => value(name, dtype, shape)),
      outputs: outputs.map((dtype, at) => value(`y${at}`, dtype)),
      initializers: constants.map(([name, { dtype, shape, data }]) => tensor(name, dtype, shape, data)),
    },
    [],
    opset,
  )
  return { graph, inputs: Object.fromEntries(given) }
}

function numbers(shape: number[], seed: number, positive: boolean): Tensor {
  const count = shape.reduce((all, dim) => all * dim, 1)
  const elements = Float32Array.from({ length: count }, (_, at) => {
    const sine = Math.sin(12.9898 * (at + 1) + 78.233 * (seed + 1))
    return positive ? sine * sine + 0.1 : 2 * sine
  })
  return tensorOf(elements, shape)
}

async function run(engine: Engine, graph: Uint8Array, inputs: NamedTensors): Promise<NamedTensors> {
  const session = await engine.load({ graph })
  try {
    return await session.run(inputs)
  } finally {
    await session.close()
  }
}

test.run()
