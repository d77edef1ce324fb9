import { test } from 'uvu'
import { tensorOf } from '../../../../runtime/data/tensor/index.ts'
import { checkGradients, type GradientCase } from '../../../support/gradient-check.ts'

/** Away from the kink at 0, where a central difference says nothing. */
const awayFromZero = (x: number) => x + 0.1 * Math.sign(x)
const positive = (x: number) => 1.5 + x
const unary = (op: string, more: Partial<GradientCase> = {}): GradientCase => ({
  inputs: { x: [3, 4] },
  build: (g, { x }) => g.apply(op, [x]),
  ...more,
})
const binary = (op: string, a: readonly number[], b: readonly number[], map = (x: number) => x): GradientCase => ({
  inputs: { a, b },
  build: (g, { a, b }) => g.apply(op, [a, b]),
  map,
})
const reduction = (op: string): GradientCase => ({
  inputs: { x: [2, 3, 4] },
  build: (g, { x }) => {
    const kept = g.apply(op, [x, g.integers([0, -1])])
    const dropped = g.apply(op, [x, g.integers([1])], { keepdims: 0 })
    return g.mul(kept, g.reshape(dropped, [2, 1, 4]))
  },
})

const CASES: Readonly<Record<string, GradientCase>> = {
  Add: binary('Add', [3, 4], [4]),
  Sub: binary('Sub', [1, 4], [3, 1]),
  Mul: binary('Mul', [2, 3, 4], [3, 1]),
  Div: binary('Div', [3, 4], [2, 1, 4], positive),
  Min: binary('Min', [3, 4], [4]),
  Max: binary('Max', [3, 4], [3, 1]),
  Pow: { inputs: { x: [5] }, build: (g, { x }) => g.apply('Pow', [x, g.scalar(3, 'float64')]), map: positive },
  Neg: unary('Neg'),
  Abs: unary('Abs'),
  Sqrt: unary('Sqrt', { map: positive }),
  Reciprocal: unary('Reciprocal', { map: positive }),
  Exp: unary('Exp'),
  Log: unary('Log', { map: positive }),
  Sin: unary('Sin'),
  Cos: unary('Cos'),
  Tan: unary('Tan', { dtype: 'float32' }),
  Asin: unary('Asin', { dtype: 'float32', map: (x) => 0.8 * x }),
  Acos: unary('Acos', { dtype: 'float32', map: (x) => 0.8 * x }),
  Atan: unary('Atan', { dtype: 'float32' }),
  Sinh: unary('Sinh', { dtype: 'float32' }),
  Cosh: unary('Cosh', { dtype: 'float32' }),
  Asinh: unary('Asinh', { dtype: 'float32' }),
  Acosh: unary('Acosh', { dtype: 'float32', map: (x) => 2.5 + x }),
  Atanh: unary('Atanh', { dtype: 'float32', map: (x) => 0.8 * x }),
  Mod: {
    inputs: { x: [3, 4] },
    build: (g, { x }) => g.apply('Mod', [x, g.constant(tensorOf(Float64Array.of(0.7, 0.9, 0.5, 0.31)))], { fmod: 1 }),
  },
  Sum: { inputs: { a: [3, 4], b: [4], c: [3, 1] }, build: (g, { a, b, c }) => g.apply('Sum', [a, b, c]) },
  Mean: { inputs: { a: [3, 4], b: [4], c: [3, 1] }, build: (g, { a, b, c }) => g.apply('Mean', [a, b, c]) },
  'Max of three': { inputs: { a: [3, 4], b: [4], c: [3, 1] }, build: (g, { a, b, c }) => g.apply('Max', [a, b, c]) },
  Erf: unary('Erf', { dtype: 'float32' }),
  Clip: {
    inputs: { x: [12] },
    build: (g, { x }) => g.apply('Clip', [x, g.scalar(-0.5, 'float64'), g.scalar(0.5, 'float64')]),
  },
  Relu: unary('Relu'),
  Sigmoid: unary('Sigmoid'),
  Tanh: unary('Tanh'),
  Softplus: unary('Softplus', { dtype: 'float32' }),
  LeakyRelu: unary('LeakyRelu', { dtype: 'float32', map: awayFromZero }),
  Elu: unary('Elu', { dtype: 'float32', map: awayFromZero }),
  HardSigmoid: unary('HardSigmoid', { dtype: 'float32', map: (x) => 4 * x }),
  Gelu: unary('Gelu', { dtype: 'float32' }),
  'Gelu by a tanh': { inputs: { x: [12] }, build: (g, { x }) => g.apply('Gelu', [x], { approximate: 'tanh' }) },
  FastGelu: binary('FastGelu', [3, 4], [4]),
  QuickGelu: unary('QuickGelu', { dtype: 'float32' }),
  Swish: unary('Swish', { dtype: 'float32' }),
  HardSwish: unary('HardSwish', { dtype: 'float32', map: (x) => 4 * x }),
  Mish: unary('Mish', { dtype: 'float32' }),
  Selu: unary('Selu', { dtype: 'float32', map: awayFromZero }),
  Celu: {
    inputs: { x: [12] },
    build: (g, { x }) => g.apply('Celu', [x], { alpha: { float: 0.7 } }),
    dtype: 'float32',
  },
  Softsign: unary('Softsign'),
  ThresholdedRelu: {
    inputs: { x: [12] },
    build: (g, { x }) => g.apply('ThresholdedRelu', [x], { alpha: { float: 0.3 } }),
  },
  PRelu: {
    inputs: { x: [2, 3, 4], slope: [3, 1] },
    build: (g, { x, slope }) => g.apply('PRelu', [x, slope]),
    map: awayFromZero,
    dtype: 'float32',
  },
  Where: {
    inputs: { a: [3, 4], b: [4] },
    build: (g, { a, b }) => g.apply('Where', [g.apply('Less', [a, g.scalar(0, 'float64')]), a, b]),
  },
  'MatMul of matrices': binary('MatMul', [3, 4], [4, 2]),
  'MatMul of a stack by a matrix': binary('MatMul', [2, 3, 4], [4, 2]),
  'MatMul of stacks that broadcast': binary('MatMul', [2, 1, 3, 4], [5, 4, 2]),
  Gemm: { inputs: { a: [3, 4], b: [4, 2], c: [2] }, build: (g, { a, b, c }) => g.gemm(a, b, { c }) },
  'Gemm, the first transposed': {
    inputs: { a: [4, 3], b: [4, 2] },
    build: (g, { a, b }) => g.apply('Gemm', [a, b], { transA: 1, alpha: { float: 0.5 } }),
  },
  'Gemm, the second transposed': {
    inputs: { a: [3, 4], b: [2, 4], c: [3, 1] },
    build: (g, { a, b, c }) => g.apply('Gemm', [a, b, c], { transB: 1, beta: { float: 2 } }),
  },
  'Gemm, both transposed': {
    inputs: { a: [4, 3], b: [2, 4] },
    build: (g, { a, b }) => g.gemm(a, b, { transA: true, transB: true }),
  },
  ReduceSum: reduction('ReduceSum'),
  ReduceMean: reduction('ReduceMean'),
  ReduceSumSquare: reduction('ReduceSumSquare'),
  ReduceL2: reduction('ReduceL2'),
  ReduceL1: reduction('ReduceL1'),
  ReduceLogSum: { ...reduction('ReduceLogSum'), map: positive },
  ReduceLogSumExp: reduction('ReduceLogSumExp'),
  ReduceProd: { ...reduction('ReduceProd'), dtype: 'float32' },
  CumSum: {
    inputs: { x: [3, 4] },
    build: (g, { x }) => g.apply('CumSum', [x, g.scalar(1, 'int64')], { exclusive: 1 }),
  },
  'CumSum from behind': {
    inputs: { x: [3, 4] },
    build: (g, { x }) => g.apply('CumSum', [x, g.scalar(0, 'int64')], { reverse: 1 }),
  },
  ReduceMax: reduction('ReduceMax'),
  ReduceMin: reduction('ReduceMin'),
  Softmax: { inputs: { x: [2, 3, 4] }, build: (g, { x }) => g.apply('Softmax', [x], { axis: 1 }) },
  LogSoftmax: unary('LogSoftmax'),
  Reshape: { inputs: { x: [2, 6] }, build: (g, { x }) => g.reshape(g.mul(x, x), [-1, 3]) },
  Flatten: { inputs: { x: [2, 3, 2] }, build: (g, { x }) => g.apply('Flatten', [x], { axis: 2 }) },
  Squeeze: { inputs: { x: [2, 1, 3] }, build: (g, { x }) => g.apply('Squeeze', [x, g.integers([1])]) },
  Unsqueeze: { inputs: { x: [2, 3] }, build: (g, { x }) => g.apply('Unsqueeze', [x, g.integers([0, -1])]) },
  Transpose: { inputs: { x: [2, 3, 4] }, build: (g, { x }) => g.transpose(x, [2, 0, 1]) },
  Expand: { inputs: { x: [3, 1] }, build: (g, { x }) => g.expand(x, [2, 3, 4]) },
  Cast: { inputs: { x: [3] }, build: (g, { x }) => g.cast(g.cast(x, 'float32'), 'float64'), tolerance: 1e-2 },
  Identity: unary('Identity'),
  Tile: { inputs: { x: [2, 3] }, build: (g, { x }) => g.apply('Tile', [x, g.integers([3, 2])]) },
  DepthToSpace: { inputs: { x: [2, 8, 2, 3] }, build: (g, { x }) => g.apply('DepthToSpace', [x], { blocksize: 2 }) },
  SpaceToDepth: { inputs: { x: [2, 2, 4, 6] }, build: (g, { x }) => g.apply('SpaceToDepth', [x], { blocksize: 2 }) },
  Dropout: unary('Dropout'),
  'Einsum, attention': {
    inputs: { a: [2, 3, 4], b: [2, 5, 4] },
    build: (g, { a, b }) => g.apply('Einsum', [a, b], { equation: 'bqd,bkd->bqk' }),
  },
  'Einsum of three, one axis summed': {
    inputs: { a: [2, 3, 4], b: [4, 2], c: [3] },
    build: (g, { a, b, c }) => g.apply('Einsum', [a, b, c], { equation: 'bij,jk,i->kb' }),
  },
  'Resize, nearest': {
    inputs: { x: [1, 2, 2, 3] },
    build: (g, { x }) => g.apply('Resize', [x, undefined, g.constant(tensorOf(Float32Array.of(1, 1, 2, 2)))]),
  },
  'Resize, nearest, by the kernel of the engine': {
    inputs: { x: [1, 2, 2, 3] },
    dtype: 'float32',
    build: (g, { x }) => g.apply('Resize', [x, undefined, g.constant(tensorOf(Float32Array.of(1, 1, 2, 3)))]),
  },
  'Resize, linear': {
    inputs: { x: [1, 2, 3, 4] },
    build: (g, { x }) => g.apply('Resize', [x, undefined, undefined, g.integers([1, 2, 5, 2])], { mode: 'linear' }),
  },
  GatherElements: {
    inputs: { x: [2, 3, 2] },
    build: (g, { x }) => {
      const indexes = g.constant(tensorOf(BigInt64Array.from([0n, 1n, 2n, 2n, -1n, 0n, 1n, 0n]), [2, 2, 2]))
      return g.apply('GatherElements', [x, indexes], { axis: 1 })
    },
    dtype: 'float32',
  },
  ScatterElements: {
    inputs: { a: [3, 4], b: [2, 2] },
    build: (g, { a, b }) => {
      const indexes = g.constant(tensorOf(BigInt64Array.from([0n, 3n, 2n, 1n]), [2, 2]))
      return g.apply('ScatterElements', [a, indexes, b], { axis: 1 })
    },
  },
  ScatterND: {
    inputs: { a: [3, 4], b: [2, 4] },
    build: (g, { a, b }) => g.apply('ScatterND', [a, g.constant(tensorOf(BigInt64Array.of(2n, 0n), [2, 1])), b]),
  },
  Concat: { inputs: { a: [2, 3], b: [2, 1] }, build: (g, { a, b }) => g.concat([a, b, a], 1) },
  Split: {
    inputs: { x: [2, 7] },
    build: (g, { x }) => {
      const [first, , last] = g.applyAll('Split', [x, g.integers([2, 3, 2])], { axis: 1 })
      return g.mul(first!, last!)
    },
  },
  Slice: { inputs: { x: [4, 5] }, build: (g, { x }) => g.slice(x, { axes: [0, 1], starts: [1, -3], ends: [3, 5] }) },
  'Slice by steps': {
    inputs: { x: [7, 6] },
    build: (g, { x }) => g.slice(x, { axes: [0, 1], starts: [1, 5], ends: [7, -7], steps: [3, -2] }),
  },
  Pad: { inputs: { x: [2, 3] }, build: (g, { x }) => g.apply('Pad', [x, g.integers([1, 0, 0, 2])]) },
  Trilu: { inputs: { x: [3, 3] }, build: (g, { x }) => g.apply('Trilu', [x], { upper: 0 }) },
  'Gather rows, one twice': {
    inputs: { table: [4, 3] },
    build: (g, { table }) => g.apply('Gather', [table, g.integers([2, 0, 2])]),
    dtype: 'float32',
  },
  'Gather along axis 1': {
    inputs: { table: [2, 4, 3] },
    build: (g, { table }) => g.apply('Gather', [table, g.integers([3, 1])], { axis: 1 }),
    dtype: 'float32',
  },
}

for (const [name, each] of Object.entries(CASES)) test(name, () => checkGradients(name, each))

test('what moves in steps has a gradient of nothing', () =>
  checkGradients('steps', {
    inputs: { x: [3, 4] },
    map: (x) => 3 * x,
    build: (g, { x }) => ['Floor', 'Ceil', 'Round', 'Sign'].reduce((y, op) => g.add(y, g.apply(op, [x])), g.neg(x)),
  }))

test.run()
