import type { Operator, OperatorCall } from '../build/operator.ts'
import { sameShape, shown } from '../build/shapes.ts'
import type { TensorType, Value } from '../build/value.ts'
import { expectIndexes } from './indexing.ts'
import { likeInput } from './inference.ts'

const free = () => 0

/** Elements taken from and put to places that a tensor of indexes names. */
export const SCATTER: Readonly<Record<string, Operator>> = {
  GatherElements: {
    infer: (call) => {
      const [data, indexes] = [call.input(0), call.input(1)]
      expectIndexes(call, indexes)
      const axis = call.axis(call.int('axis', 0), data.shape.length)
      const fits = indexes.shape.every((dim, i) => i === axis || dim <= data.shape[i]!)
      if (indexes.shape.length !== data.shape.length || !fits)
        throw call.refuse(
          'shape',
          `expected indexes within ${shown(data.shape)} but for axis ${axis}, found shape ${shown(indexes.shape)}`,
        )
      return [{ dtype: data.dtype, shape: indexes.shape }]
    },
    operations: free,
    // By one-hot rows, as Gather's, and for the same reason.
    gradient: ({ g, d, call, inputs }) => {
      const [data, indexes] = inputs as [Value, Value]
      const axis = call.axis(call.int('axis', 0), data.shape.length)
      if (!indexes.shape.every((dim, i) => i === axis || dim === data.shape[i]))
        throw call.refuse(
          'no-gradient',
          `expected indexes as large as ${shown(data.shape)} but for axis ${axis}, found ${shown(indexes.shape)}; slice the data first`,
        )
      const rows = g.cast(g.oneHot(g.reshape(indexes, [-1]), data.shape[axis]!), d.dtype)
      const rank = data.shape.length
      // The axis of places comes last in the one-hot table: it moves to where the data has it, behind the indexes'.
      const stack = g.reshape(rows, [...indexes.shape, data.shape[axis]!])
      const order = Array.from({ length: rank }, (_, i) => i).toSpliced(axis + 1, 0, rank)
      const taken = g.transpose(stack, order)
      const spread = g.mul(taken, g.reshape(d, d.shape.toSpliced(axis + 1, 0, 1)))
      return [g.sum(spread, [axis], false)]
    },
  },
  ScatterElements: {
    infer: likeInput,
    operations: free,
    gradient: ({ g, d, call, inputs, needs }) => {
      const [, indexes, updates] = inputs as [Value, Value, Value]
      const reduction = reductionOf(call)
      const axis = { axis: call.int('axis', 0) }
      const zeros = () => g.expand(g.scalar(0, d.dtype), updates.shape)
      return [
        needs(0) ? (reduction === 'add' ? d : g.apply('ScatterElements', [d, indexes, zeros()], axis)) : undefined,
        undefined,
        needs(2) ? g.apply('GatherElements', [d, indexes], axis) : undefined,
      ]
    },
  },
  GatherND: { infer: inferGatherND, operations: free },
  ScatterND: {
    infer: likeInput,
    operations: free,
    gradient: ({ g, d, call, inputs, needs }) => {
      const [, indexes, updates] = inputs as [Value, Value, Value]
      const reduction = reductionOf(call)
      const zeros = () => g.expand(g.scalar(0, d.dtype), updates.shape)
      return [
        needs(0) ? (reduction === 'add' ? d : g.apply('ScatterND', [d, indexes, zeros()])) : undefined,
        undefined,
        needs(2) ? g.apply('GatherND', [d, indexes]) : undefined,
      ]
    },
  },
}

/** Of what is put to one place twice without being added, the last counts: the gradient takes it that none is. */
function reductionOf(call: OperatorCall): 'none' | 'add' {
  const reduction = call.text('reduction', 'none')
  if (reduction !== 'none' && reduction !== 'add')
    throw call.refuse('no-gradient', `expected reduction none or add, found ${reduction}`)
  return reduction
}

function inferGatherND(call: OperatorCall): TensorType[] {
  const [data, indexes] = [call.input(0), call.input(1)]
  expectIndexes(call, indexes)
  const batch = call.int('batch_dims', 0)
  const depth = indexes.shape.at(-1)
  if (
    depth === undefined ||
    batch + depth > data.shape.length ||
    !sameShape(data.shape.slice(0, batch), indexes.shape.slice(0, batch))
  )
    throw call.refuse('shape', `expected indexes into ${shown(data.shape)}, found shape ${shown(indexes.shape)}`)
  return [{ dtype: data.dtype, shape: [...indexes.shape.slice(0, -1), ...data.shape.slice(batch + depth)] }]
}
