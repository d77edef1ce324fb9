import { elementCount } from '../../../data/tensor/check.ts'
import type { Operator, OperatorCall } from '../build/operator.ts'
import { broadcastShapes, shown } from '../build/shapes.ts'
import type { TensorType, Value } from '../build/value.ts'
import { expectRank } from './inference.ts'

/** Matrix products. Their gradients are Gemm with a transposed operand where both are matrices: no copy is transposed. */
export const MATRIX: Readonly<Record<string, Operator>> = {
  MatMul: {
    infer: inferMatMul,
    operations: (call, [y]) => 2 * elementCount(y!.shape) * call.input(0).shape.at(-1)!,
    gradient: ({ g, d, call, inputs, needs }) => {
      const [a, b] = inputs as [Value, Value]
      if (a.shape.length === 1 || b.shape.length === 1)
        throw call.refuse('no-gradient', 'expected matrices, found a vector; give it a second axis')
      if (b.shape.length === 2) {
        // A stack of matrices by one matrix is one product of a taller matrix.
        const [inner, columns] = b.shape as [number, number]
        const rows = g.reshape(a, [-1, inner])
        const dRows = g.reshape(d, [-1, columns])
        return [
          needs(0) ? g.reshape(g.gemm(dRows, b, { transB: true }), a.shape) : undefined,
          needs(1) ? g.gemm(rows, dRows, { transA: true }) : undefined,
        ]
      }
      return [
        needs(0) ? g.unbroadcast(g.matmul(d, g.swapLast(b)), a.shape) : undefined,
        needs(1) ? g.unbroadcast(g.matmul(g.swapLast(a), d), b.shape) : undefined,
      ]
    },
  },
  Gemm: {
    infer: inferGemm,
    operations: (call, [y]) =>
      2 * elementCount(y!.shape) * call.input(0).shape[call.int('transA', 0) === 1 ? 0 : 1]! +
      (call.has(2) ? elementCount(y!.shape) : 0),
    gradient: ({ g, d, call, inputs, needs }) => {
      const [a, b, c] = inputs as [Value, Value, Value | undefined]
      const [transA, transB] = [call.int('transA', 0) === 1, call.int('transB', 0) === 1]
      const scaled = g.scale(d, call.float('alpha', 1))
      const dA = () =>
        transA ? g.gemm(b, scaled, { transA: transB, transB: true }) : g.gemm(scaled, b, { transB: !transB })
      const dB = () =>
        transB ? g.gemm(scaled, a, { transA: true, transB: transA }) : g.gemm(a, scaled, { transA: !transA })
      return [
        needs(0) ? dA() : undefined,
        needs(1) ? dB() : undefined,
        needs(2) ? g.unbroadcast(g.scale(d, call.float('beta', 1)), c!.shape) : undefined,
      ]
    },
  },
}

function inferMatMul(call: OperatorCall): TensorType[] {
  const [a, b] = [call.input(0), call.input(1)]
  if (a.dtype !== b.dtype)
    throw call.refuse('dtype', `expected inputs of one dtype, found ${a.dtype} and ${b.dtype}; cast one`)
  const mismatch = () =>
    call.refuse(
      'shape',
      `expected the last axis of the first to be as long as the second to last of the second, found ${shown(a.shape)} and ${shown(b.shape)}`,
    )
  if (a.shape.length === 0 || b.shape.length === 0) throw mismatch()
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape
  const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape
  const batch = broadcastShapes(left.slice(0, -2), right.slice(0, -2))
  if (!batch || left.at(-1) !== right.at(-2)) throw mismatch()
  const rows = a.shape.length === 1 ? [] : [left.at(-2)!]
  const columns = b.shape.length === 1 ? [] : [right.at(-1)!]
  return [{ dtype: a.dtype, shape: [...batch, ...rows, ...columns] }]
}

function inferGemm(call: OperatorCall): TensorType[] {
  expectRank(call, 0, 2, 'a matrix')
  expectRank(call, 1, 2, 'a matrix')
  const [a, b] = [call.input(0), call.input(1)]
  if (a.dtype !== b.dtype)
    throw call.refuse('dtype', `expected matrices of one dtype, found ${a.dtype} and ${b.dtype}; cast one`)
  const [rows, inner] = call.int('transA', 0) === 1 ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!]
  const [inner2, columns] = call.int('transB', 0) === 1 ? [b.shape[1]!, b.shape[0]!] : [b.shape[0]!, b.shape[1]!]
  if (inner !== inner2)
    throw call.refuse(
      'shape',
      `expected matrices whose inner axes agree, found ${shown([rows, inner])} and ${shown([inner2, columns])}`,
    )
  const shape = [rows, columns]
  const c = call.inputs[2]
  const joined = c ? broadcastShapes(c.shape, shape) : shape
  if (joined?.length !== 2 || joined.some((dim, i) => dim !== shape[i]))
    throw call.refuse('shape', `expected a third input that broadcasts to ${shown(shape)}, found ${shown(c!.shape)}`)
  return [{ dtype: a.dtype, shape }]
}
