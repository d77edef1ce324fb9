import { test } from 'uvu'
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

test.run()
