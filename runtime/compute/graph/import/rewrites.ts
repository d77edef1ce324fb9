import { tensorOf } from '../../../data/tensor/typed-array.ts'
import type { GraphBuilder } from '../build/graph-builder.ts'
import type { OperatorCall } from '../build/operator.ts'
import type { Value } from '../build/value.ts'

/** A node of another operator set as values of ours; undefined: it is the same in both. */
export type Rewrite = (g: GraphBuilder, call: OperatorCall, opset: number) => readonly Value[] | undefined

/** Operators that other operator sets wrote otherwise, or that are written with simpler ones here. */
export const REWRITES: Readonly<Record<string, Rewrite>> = {
  Constant: (g, call) => [g.constant(constantOf(call))],
  // What dropout an exported model holds is off, as it is for inference: the file does not say the seed.
  Dropout: (_, call) => [call.input(0)],
  CastLike: (g, call) => [g.cast(call.input(0), call.input(1).dtype)],
  Size: (g, call) => [
    g.scalar(
      call.input(0).shape.reduce((count, dim) => count * dim, 1),
      'int64',
    ),
  ],
  ReduceSum: axesAsInput,
  ReduceMean: axesAsInput,
  ReduceMax: axesAsInput,
  ReduceMin: axesAsInput,
  ReduceProd: axesAsInput,
  ReduceL1: axesAsInput,
  ReduceL2: axesAsInput,
  ReduceSumSquare: axesAsInput,
  ReduceLogSumExp: axesAsInput,
  Squeeze: axesAsInput,
  Unsqueeze: axesAsInput,
  Softmax: flattenedSoftmax,
  LogSoftmax: flattenedSoftmax,
  Clip: (g, call, opset) => {
    if (opset >= 11) return undefined
    const bound = (name: string) => {
      const value = call.float(name, Number.NaN)
      return Number.isNaN(value) ? undefined : g.scalar(value, call.input(0).dtype)
    }
    return [g.apply('Clip', [call.input(0), bound('min'), bound('max')])]
  },
  Slice: (g, call, opset) => {
    if (opset >= 10) return undefined
    const starts = call.ints('starts', [])
    const axes = call.ints(
      'axes',
      starts.map((_, axis) => axis),
    )
    return [g.slice(call.input(0), { axes, starts, ends: call.ints('ends', []) })]
  },
  Split: (g, call) => {
    const sizes = call.attributes.split === undefined ? undefined : g.integers(call.ints('split', []))
    return sizes && g.applyAll('Split', [call.input(0), sizes], { axis: call.int('axis', 0) })
  },
  Pad: (g, call) => {
    if (call.attributes.pads === undefined) return undefined
    const value = g.scalar(call.float('value', 0), call.input(0).dtype)
    return [
      g.apply('Pad', [call.input(0), g.integers(call.ints('pads', [])), value], {
        mode: call.text('mode', 'constant'),
      }),
    ]
  },
}

/** Axes were attributes before opset 13 (sums) or 18 (other reductions). */
function axesAsInput(g: GraphBuilder, call: OperatorCall): readonly Value[] | undefined {
  const { axes, ...others } = call.attributes
  if (axes === undefined) return undefined
  return [g.apply(call.op, [call.input(0), g.integers(call.ints('axes', []))], others)]
}

/** Before opset 13, all axes from `axis` (default: 1) on were one. */
function flattenedSoftmax(g: GraphBuilder, call: OperatorCall, opset: number): readonly Value[] | undefined {
  if (opset >= 13) return undefined
  const x = call.input(0)
  const axis = call.axis(call.int('axis', 1), x.shape.length)
  const size = x.shape.slice(axis).reduce((count, dim) => count * dim, 1)
  return [g.reshape(g.apply(call.op, [g.reshape(x, [-1, size])], { axis: -1 }), x.shape)]
}

function constantOf(call: OperatorCall) {
  const { value, value_floats: floats } = call.attributes
  if (typeof value === 'object' && 'tensor' in value) return value.tensor
  if (call.attributes.value_float !== undefined) return tensorOf(Float32Array.of(call.float('value_float', 0)), [])
  if (call.attributes.value_int !== undefined) return tensorOf(BigInt64Array.of(BigInt(call.int('value_int', 0))), [])
  if (call.attributes.value_ints !== undefined) return tensorOf(BigInt64Array.from(call.ints('value_ints', []), BigInt))
  if (typeof floats === 'object' && 'floats' in floats) return tensorOf(Float32Array.from(floats.floats))
  throw call.refuse('attribute', `expected a tensor or numbers, found ${Object.keys(call.attributes).join(', ')}`)
}
