import { elementCount } from '../../../data/tensor/check.ts'
import { DTYPES, type Tensor } from '../../../data/tensor/tensor.ts'
import { typedArrayOf } from '../../../data/tensor/typed-array.ts'
import type { Operator, OperatorCall } from '../build/operator.ts'
import { reducedShape, shown } from '../build/shapes.ts'
import type { Value } from '../build/value.ts'
import { likeInput } from './inference.ts'

/** Choosing elements by their place. */
export const INDEXING: Readonly<Record<string, Operator>> = {
  Gather: {
    infer: (call) => {
      const [table, indexes] = [call.input(0), call.input(1)]
      expectIndexes(call, indexes)
      const axis = call.axis(call.int('axis', 0), table.shape.length)
      return [
        {
          dtype: table.dtype,
          shape: [...table.shape.slice(0, axis), ...indexes.shape, ...table.shape.slice(axis + 1)],
        },
      ]
    },
    fold: foldGather,
    operations: () => 0,
    // A product with one-hot rows: adding row by row (ScatterND) loses updates on several threads of the CPU engine.
    gradient: ({ g, d, call, inputs }) => {
      const [table, indexes] = inputs as [Value, Value]
      const axis = call.axis(call.int('axis', 0), table.shape.length)
      const size = table.shape[axis]!
      const count = elementCount(indexes.shape)
      const rows = g.oneHot(g.reshape(indexes, [count]), size)
      const before = elementCount(table.shape.slice(0, axis))
      const after = elementCount(table.shape.slice(axis + 1))
      if (before === 1) return [g.reshape(g.gemm(rows, g.reshape(d, [count, after]), { transA: true }), table.shape)]
      const stack = g.reshape(d, [before, count, after])
      return [g.reshape(g.matmul(g.transpose(rows, [1, 0]), stack), table.shape)]
    },
  },
  OneHot: {
    infer: (call) => {
      const [indexes, values] = [call.input(0), call.input(2)]
      expectIndexes(call, indexes)
      const [depth] = call.known(1, 'the number of classes') as [number]
      const axis = call.axis(call.int('axis', -1), indexes.shape.length + 1)
      return [{ dtype: values.dtype, shape: indexes.shape.toSpliced(axis, 0, depth) }]
    },
  },
  ArgMax: {
    infer: (call) => {
      const { shape } = call.input(0)
      const axis = call.axis(call.int('axis', 0), shape.length)
      return [{ dtype: 'int64', shape: reducedShape(shape, [axis], call.int('keepdims', 1) === 1) }]
    },
    operations: (call) => elementCount(call.input(0).shape),
  },
  /** The upper or lower triangle of matrices; the rest is zero. */
  Trilu: {
    infer: likeInput,
    gradient: ({ g, d, call, inputs }) => [g.apply('Trilu', inputs[1] ? [d, inputs[1]] : [d], call.attributes)],
  },
}

/** Throws `graph.dtype` unless these are integers that engines take for places. */
export function expectIndexes(call: OperatorCall, { dtype }: Value): void {
  if (dtype !== 'int64' && dtype !== 'int32')
    throw call.refuse('dtype', `expected int64 or int32 indexes, found ${dtype}; cast them`)
}

/** Of a known vector: how exported models take a size out of a shape. */
function foldGather(call: OperatorCall): Tensor | undefined {
  const [{ constant: table }, { constant: indexes }] = [call.input(0), call.input(1)]
  if (!table || !indexes || table.shape.length !== 1) return undefined
  const size = DTYPES[table.dtype]
  const [length] = table.shape as [number]
  const rows = Array.from(typedArrayOf(indexes) as ArrayLike<number | bigint>, (index) => {
    const at = Number(index) < 0 ? Number(index) + length : Number(index)
    if (at < 0 || at >= length)
      throw call.refuse('shape', `expected an index into ${shown(table.shape)}, found ${index}`)
    return table.data.subarray(at * size, (at + 1) * size)
  })
  return { dtype: table.dtype, shape: indexes.shape, data: new Uint8Array(Buffer.concat(rows)) }
}
