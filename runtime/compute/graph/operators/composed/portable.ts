import { tensorOf } from '../../../../data/tensor/typed-array.ts'
import type { GraphBuilder } from '../../build/graph-builder.ts'
import type { Composite } from '../../build/operator.ts'
import type { Value } from '../../build/value.ts'
import { cutsOf } from '../slicing.ts'

/**
 * An integer value as int32, from before it was widened: onnxruntime's WebGPU has no 64-bit integers, and takes bytes to
 * cast them alone. Labels, tokens and positions fit.
 */
function narrow(g: GraphBuilder, value: Value): Value {
  const source = value.producer?.op === 'Cast' ? value.producer.inputs[0] : undefined
  if (value.dtype === 'int32') return value
  return source && isInteger(source) ? narrow(g, source) : g.cast(value, 'int32')
}

function isInteger({ dtype }: Value): boolean {
  return /^u?int/.test(dtype)
}

/** Numbers from 0, in the type of what they are compared with. */
function countTo(g: GraphBuilder, count: number, dtype: 'int32' | 'float32'): Value {
  const numbers = Array.from({ length: count }, (_, i) => i)
  return g.constant(tensorOf(dtype === 'int32' ? Int32Array.from(numbers) : Float32Array.from(numbers)))
}

/** The position of the largest element along an axis, which is kept, as int32; the first of equal ones. */
function largestAt(g: GraphBuilder, x: Value, axis: number): Value {
  const count = x.shape[axis]!
  const places = g.reshape(
    countTo(g, count, 'float32'),
    x.shape.map((_, i) => (i === axis ? count : 1)),
  )
  const isLargest = g.apply('Equal', [x, g.max(x, [axis])])
  const candidates = g.apply('Where', [isLargest, places, g.scalar(count)])
  return g.cast(g.neg(g.max(g.neg(candidates), [axis])), 'int32')
}

/** The int32 form of a side of a comparison: `ArgMax` gives int64 only, which nothing casts on a GPU. */
function compared(g: GraphBuilder, value: Value): Value {
  const { producer } = value
  if (producer?.op !== 'ArgMax') return narrow(g, value)
  const x = producer.inputs[0]!
  const axis = (Number(producer.attributes.axis ?? 0) + x.shape.length) % x.shape.length
  return g.reshape(largestAt(g, x, axis), value.shape)
}

/** Operators that WebGPU lacks, or has for other types, built of those that it has. On the CPU they stay what they are. */
export const PORTABLE: Readonly<Record<string, Composite>> = {
  Cast: (g, call) => {
    const x = call.input(0)
    if (g.target === 'cpu' || x.producer?.op !== 'Cast' || !isInteger(x) || call.int('to', 0) !== 1) return undefined
    return [g.cast(narrow(g, x), 'float32')]
  },
  /** Of integers a GPU takes no slice, but elements by their positions. */
  Slice: (g, call) => {
    const x = call.input(0)
    if (g.target === 'cpu' || !isInteger(x) || x.constant) return undefined
    const part = cutsOf(call).reduce(
      (rest, { axis, start, step, count }) => {
        const positions = Int32Array.from({ length: count }, (_, i) => start + i * step)
        return g.apply('Gather', [rest, g.constant(tensorOf(positions))], { axis })
      },
      narrow(g, x),
    )
    return [g.cast(part, x.dtype)]
  },
  /** Bytes can be cast and reshaped there, and nothing else. */
  Reshape: (g, call) => {
    const x = call.input(0)
    if (g.target === 'cpu' || x.producer?.op !== 'Cast' || x.dtype === 'int32' || !isInteger(x)) return undefined
    return [g.cast(g.apply('Reshape', [narrow(g, x), call.input(1)], call.attributes), x.dtype)]
  },
  Gather: (g, call) => {
    const [data, positions] = [call.input(0), call.input(1)]
    if (g.target === 'cpu' || positions.dtype === 'int32' || positions.constant) return undefined
    return [g.apply('Gather', [data, narrow(g, positions)], call.attributes)]
  },
  Equal: (g, call) => {
    const [a, b] = [call.input(0), call.input(1)]
    if (g.target === 'cpu' || a.dtype !== 'int64') return undefined
    return [g.apply('Equal', [compared(g, a), compared(g, b)])]
  },
  /** Positions are counted from the front here: those from the end come from no label. */
  OneHot: (g, call) => {
    if (g.target === 'cpu') return undefined
    const [positions, sides] = [call.input(0), call.input(2)]
    const [depth] = call.known(1, 'the depth') as [number]
    const axis = call.axis(call.int('axis', -1), positions.shape.length + 1)
    const shape = [...positions.shape.slice(0, axis), 1, ...positions.shape.slice(axis)]
    const places = countTo(g, depth, 'int32')
    const along = shape.map((_, i) => (i === axis ? depth : 1))
    const hit = g.apply('Equal', [g.reshape(narrow(g, positions), shape), g.reshape(places, along)])
    const side = (at: number) => g.reshape(g.slice(sides, { axes: [0], starts: [at], ends: [at + 1] }), [])
    return [g.apply('Where', [hit, side(1), side(0)])]
  },
  LogSoftmax: (g, call) => {
    if (g.target === 'cpu') return undefined
    const x = call.input(0)
    const axis = call.axis(call.int('axis', -1), x.shape.length)
    const below = g.sub(x, g.max(x, [axis]))
    return [g.sub(below, g.apply('Log', [g.sum(g.apply('Exp', [below]), [axis])]))]
  },
  Sign: (g, call) => {
    const x = call.input(0)
    if (g.target === 'cpu' || x.dtype !== 'float32') return undefined
    const zero = g.scalar(0)
    const [above, below] = ['Greater', 'Less'].map((op) => g.cast(g.apply(op, [x, zero]), 'float32')) as [Value, Value]
    return [g.sub(above, below)]
  },
}
