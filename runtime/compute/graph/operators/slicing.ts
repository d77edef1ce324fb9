import { DTYPES, type Tensor } from '../../../data/tensor/tensor.ts'
import type { GraphBuilder } from '../build/graph-builder.ts'
import type { Operator, OperatorCall } from '../build/operator.ts'
import { sameShape, shown } from '../build/shapes.ts'
import type { TensorType, Value } from '../build/value.ts'

const free = () => 0

/** What a Slice takes along one axis: elements `start`, `start + step`, ..., `count` of them. */
export interface Cut {
  readonly axis: number
  readonly start: number
  readonly step: number
  readonly count: number
}

/** Taking tensors apart and putting them together. */
export const SLICING: Readonly<Record<string, Operator>> = {
  Concat: {
    infer: inferConcat,
    fold: foldConcat,
    operations: free,
    gradient: ({ g, d, call, inputs, needs }) => {
      const axis = call.axis(call.int('axis', 0), d.shape.length)
      let end = 0
      return inputs.map((input, i) => {
        const start = end
        end += input!.shape[axis]!
        return needs(i) ? g.slice(d, { axes: [axis], starts: [start], ends: [end] }) : undefined
      })
    },
  },
  Split: {
    infer: inferSplit,
    operations: free,
    gradient: ({ g, ds, call, outputs }) => {
      const axis = call.axis(call.int('axis', 0), outputs[0]!.shape.length)
      const parts = outputs.map((output, i) => ds[i] ?? g.expand(g.scalar(0, output.dtype), output.shape))
      return [g.concat(parts, axis)]
    },
  },
  Slice: {
    infer: (call) => {
      const { dtype, shape } = call.input(0)
      const sizes = new Map(cutsOf(call).map(({ axis, count }) => [axis, count]))
      return [{ dtype, shape: shape.map((dim, axis) => sizes.get(axis) ?? dim) }]
    },
    fold: foldSlice,
    operations: free,
    gradient: ({ g, d, call, inputs }) => [
      cutsOf(call).reduce((part, cut) => putBack(g, part, cut, inputs[0]!.shape[cut.axis]!), d),
    ],
  },
  /** Constant padding only; `pads` may not cut. */
  Pad: {
    infer: (call) => {
      const { dtype, shape } = call.input(0)
      const { before, after } = padsOf(call)
      return [{ dtype, shape: shape.map((dim, axis) => before[axis]! + dim + after[axis]!) }]
    },
    operations: free,
    gradient: ({ g, d, call, inputs }) => {
      const { before } = padsOf(call)
      const { shape } = inputs[0]!
      return [
        g.slice(d, {
          axes: shape.map((_, axis) => axis),
          starts: before,
          ends: shape.map((dim, axis) => before[axis]! + dim),
        }),
      ]
    },
  },
}

/** Zeros around a part, so that it lies where the cut took it from. */
function putBack(g: GraphBuilder, part: Value, { axis, start, step, count }: Cut, size: number): Value {
  if (count === 0) throw new RangeError('a cut of nothing has no gradient')
  const rank = part.shape.length
  if (step < 0) {
    const reversed = g.slice(part, { axes: [axis], starts: [-1], ends: [-(2 ** 31)], steps: [-1] })
    return putBack(g, reversed, { axis, start: start + (count - 1) * step, step: -step, count }, size)
  }
  let spread = part
  if (step > 1 && count > 1) {
    const gaps = [...part.shape.slice(0, axis + 1), 1, ...part.shape.slice(axis + 1)]
    const padded = pad(g, g.reshape(part, gaps), { axis: axis + 1, before: 0, after: step - 1 })
    const joined = g.reshape(
      padded,
      part.shape.map((dim, i) => (i === axis ? dim * step : dim)),
    )
    spread = g.slice(joined, { axes: [axis], starts: [0], ends: [(count - 1) * step + 1] })
  }
  const after = size - start - spread.shape[axis]!
  return rank > 0 && (start > 0 || after > 0) ? pad(g, spread, { axis, before: start, after }) : spread
}

function pad(
  g: GraphBuilder,
  value: Value,
  { axis, before, after }: { axis: number; before: number; after: number },
): Value {
  const at = (size: number) => value.shape.map((_, i) => (i === axis ? size : 0))
  return g.apply('Pad', [value, g.integers([...at(before), ...at(after)])])
}

function inferConcat(call: OperatorCall): TensorType[] {
  const { dtype, shape } = call.input(0)
  const axis = call.axis(call.int('axis', 0), shape.length)
  let size = 0
  call.inputs.forEach((_, i) => {
    const next = call.input(i)
    const rest = (dims: readonly number[]) => dims.map((dim, at) => (at === axis ? 0 : dim))
    if (next.dtype !== dtype || !sameShape(rest(next.shape), rest(shape)))
      throw call.refuse(
        'shape',
        `expected parts that differ in axis ${axis} only, found ${dtype} ${shown(shape)} and ${next.dtype} ${shown(next.shape)}`,
      )
    size += next.shape[axis]!
  })
  return [{ dtype, shape: shape.map((dim, at) => (at === axis ? size : dim)) }]
}

/** Of vectors: how exported models put shapes together. */
function foldConcat(call: OperatorCall): Tensor | undefined {
  const parts = call.inputs.map((input) => input?.constant)
  const [first] = parts
  if (first?.shape.length !== 1 || parts.some((part) => !part)) return undefined
  const data = Buffer.concat(parts.map((part) => part!.data))
  return { dtype: first.dtype, shape: [data.length / DTYPES[first.dtype]], data: new Uint8Array(data) }
}

function inferSplit(call: OperatorCall): TensorType[] {
  const { dtype, shape } = call.input(0)
  const axis = call.axis(call.int('axis', 0), shape.length)
  const size = shape[axis]!
  const parts = call.int('num_outputs', 2)
  const even = Math.ceil(size / parts)
  const sizes = call.known(
    1,
    'the sizes',
    Array.from({ length: parts }, (_, i) => Math.min(even, size - i * even)),
  )
  if (sizes.reduce((sum, part) => sum + part, 0) !== size || sizes.some((part) => part < 0))
    throw call.refuse(
      'shape',
      `expected sizes that add up to ${size}, axis ${axis} of ${shown(shape)}, found ${shown(sizes)}`,
    )
  return sizes.map((part) => ({ dtype, shape: shape.map((dim, at) => (at === axis ? part : dim)) }))
}

/** Along each axis named, from front to back. */
export function cutsOf(call: OperatorCall): Cut[] {
  const { shape } = call.input(0)
  const starts = call.known(1, 'the starts')
  const ends = call.known(2, 'the ends')
  const axes = call.known(
    3,
    'the axes',
    starts.map((_, i) => i),
  )
  const steps = call.known(
    4,
    'the steps',
    starts.map(() => 1),
  )
  if (
    ends.length !== starts.length ||
    axes.length !== starts.length ||
    steps.length !== starts.length ||
    steps.includes(0)
  )
    throw call.refuse('shape', `expected as many ends, axes and steps (none 0) as the ${starts.length} starts`)
  return axes.map((named, i) => {
    const axis = call.axis(named, shape.length)
    const size = shape[axis]!
    const step = steps[i]!
    const at = (index: number, low: number, high: number) =>
      Math.min(Math.max(index < 0 ? index + size : index, low), high)
    const [start, end] =
      step > 0
        ? [at(starts[i]!, 0, size), at(ends[i]!, 0, size)]
        : [at(starts[i]!, 0, size - 1), at(ends[i]!, -1, size - 1)]
    return { axis, start, step, count: Math.max(0, Math.ceil((end - start) / step)) }
  })
}

function foldSlice(call: OperatorCall): Tensor | undefined {
  const { constant } = call.input(0)
  const [cut, ...more] = constant ? cutsOf(call) : []
  if (!constant || !cut || more.length > 0 || constant.shape.length !== 1) return undefined
  const size = DTYPES[constant.dtype]
  const parts = Array.from({ length: cut.count }, (_, i) => {
    const at = (cut.start + i * cut.step) * size
    return constant.data.subarray(at, at + size)
  })
  return { dtype: constant.dtype, shape: [cut.count], data: new Uint8Array(Buffer.concat(parts)) }
}

function padsOf(call: OperatorCall): { before: number[]; after: number[] } {
  const rank = call.input(0).shape.length
  const mode = call.text('mode', 'constant')
  if (mode !== 'constant') throw call.refuse('attribute', `expected padding with a constant, found mode ${mode}`)
  const pads = call.known(1, 'the pads')
  const axes = call
    .known(
      3,
      'the axes',
      Array.from({ length: rank }, (_, i) => i),
    )
    .map((axis) => call.axis(axis, rank))
  if (pads.length !== 2 * axes.length || pads.some((size) => size < 0))
    throw call.refuse('shape', `expected ${2 * axes.length} pads of at least 0, found ${shown(pads)}`)
  const [before, after] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)]
  axes.forEach((axis, i) => {
    before[axis] = pads[i]!
    after[axis] = pads[axes.length + i]!
  })
  return { before, after }
}
