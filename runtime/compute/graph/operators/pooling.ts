import { elementCount } from '../../../data/tensor/check.ts'
import { tensorOf } from '../../../data/tensor/typed-array.ts'
import type { GraphBuilder } from '../build/graph-builder.ts'
import type { GradientContext, Operator, OperatorCall } from '../build/operator.ts'
import { shown } from '../build/shapes.ts'
import type { TensorType, Value } from '../build/value.ts'
import { likeFloatInput } from './inference.ts'
import { maxPoolGradient } from './max-pool-gradient.ts'
import { isTiling, repeated } from './tiling.ts'
import { expectSpatial, extent, spatial, type Window, windowAttributes, windowOf } from './window.ts'

/** Pooling over windows that slide over the spatial axes, or over all of them. */
export const POOLING: Readonly<Record<string, Operator>> = {
  MaxPool: {
    requiredOutputs: 1,
    infer: (call) => {
      const pooled = inferPool(call)
      if (call.int('storage_order', 0) !== 0)
        throw call.refuse('attribute', 'expected indices row by row (storage_order 0), found them column by column')
      return [pooled, { dtype: 'int64', shape: pooled.shape }]
    },
    operations: windowOperations,
    gradient: (context) => [maxPoolGradient(context, poolWindow(context.call))],
  },
  /** What MaxPool took, put back to where its second output says; zero elsewhere. No place may be named twice. */
  MaxUnpool: {
    infer: (call) => [{ dtype: call.input(0).dtype, shape: call.known(2, 'the shape') }],
    operations: () => 0,
  },
  AveragePool: {
    infer: (call) => [inferPool(call)],
    operations: windowOperations,
    gradient: averagePoolGradient,
  },
  GlobalAveragePool: {
    infer: inferGlobal,
    operations: (call) => elementCount(call.input(0).shape),
    gradient: ({ g, d, inputs: [x] }) => [g.expand(g.scale(d, 1 / elementCount(x!.shape.slice(2))), x!.shape)],
  },
  GlobalMaxPool: {
    infer: inferGlobal,
    operations: (call) => elementCount(call.input(0).shape),
    gradient: ({ g, d, inputs: [x] }) => {
      const [batch, channels, ...area] = x!.shape as [number, number, ...number[]]
      const flat = g.reshape(x!, [batch, channels, elementCount(area)])
      const first = g.apply('ArgMax', [flat], { axis: 2, keepdims: 0 })
      const taken = g.cast(g.oneHot(first, elementCount(area)), d.dtype)
      return [g.reshape(g.mul(taken, g.reshape(d, [batch, channels, 1])), x!.shape)]
    },
  },
}

function poolWindow(call: OperatorCall): Window {
  const kernel = spatial(call, 'kernel_shape', [])
  const window = windowOf(call, kernel)
  // A window that lay in padding alone would have no element to take.
  kernel.forEach((size, i) => {
    if (Math.max(window.before[i]!, window.after[i]!) >= extent(size, window.dilations[i]!))
      throw call.refuse(
        'shape',
        `expected padding smaller than the window ${shown(kernel)}, found ${shown([...window.before, ...window.after])}`,
      )
  })
  return window
}

function inferPool(call: OperatorCall): TensorType {
  expectSpatial(call)
  const { dtype, shape } = call.input(0)
  return { dtype, shape: [...shape.slice(0, 2), ...poolWindow(call).output] }
}

function inferGlobal(call: OperatorCall): TensorType[] {
  expectSpatial(call)
  const [{ dtype, shape }] = likeFloatInput(call) as [TensorType]
  return [{ dtype, shape: shape.map((dim, axis) => (axis < 2 ? dim : 1)) }]
}

function windowOperations(call: OperatorCall, [y]: readonly TensorType[]): number {
  return elementCount(y!.shape) * elementCount(call.ints('kernel_shape', []))
}

/** Each element of a window has its share. */
function averagePoolGradient({ g, d, call, inputs }: GradientContext): Value[] {
  const { shape } = inputs[0]!
  const window = poolWindow(call)
  const share = g.mul(d, shares(g, window, call.int('count_include_pad', 0) === 1, d))
  return [isTiling(window) ? repeated(g, share, window) : spread(g, share, window, shape)]
}

/** One over the elements that each window averages: `[1, 1, ...output]`, or a scalar where all have as many. */
function shares(g: GraphBuilder, window: Window, countPadding: boolean, { dtype }: Value): Value {
  const { kernel, strides, dilations, before, after, input, output } = window
  const along = output.map((places, i) =>
    Array.from({ length: places }, (_, place) => {
      const low = countPadding ? -before[i]! : 0
      const high = input[i]! + (countPadding ? after[i]! : 0)
      const at = Array.from({ length: kernel[i]! }, (_, k) => place * strides[i]! - before[i]! + k * dilations[i]!)
      return at.filter((index) => index >= low && index < high).length
    }),
  )
  const counts = along.reduce<number[]>((found, axis) => found.flatMap((a) => axis.map((b) => a * b)), [1])
  if (new Set(counts).size === 1) return g.scalar(1 / counts[0]!, dtype)
  const values = counts.map((count) => 1 / count)
  const array = dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values)
  return g.constant(tensorOf(array, [1, 1, ...output]))
}

/** The sum of what all windows have at each element. Every channel of every sample is an image of its own. */
function spread(g: GraphBuilder, value: Value, window: Window, shape: readonly number[]): Value {
  const { kernel, strides, dilations, before, after, input, output } = window
  const images = shape[0]! * shape[1]!
  const ones = g.expand(g.scalar(1, value.dtype), [1, 1, ...kernel])
  // With ceil_mode the last window may reach beyond the padding: its share there falls on nobody.
  const end = input.map((size, i) =>
    Math.max(size + before[i]! + after[i]!, (output[i]! - 1) * strides[i]! + extent(kernel[i]!, dilations[i]!)),
  )
  const rest = end.map((size, i) => size - (output[i]! - 1) * strides[i]! - extent(kernel[i]!, dilations[i]!))
  const spreadOut = g.apply('ConvTranspose', [g.reshape(value, [images, 1, ...output]), ones], {
    ...windowAttributes({
      kernel,
      strides,
      dilations,
      before,
      after: end.map((size, i) => size - before[i]! - input[i]!),
    }),
    output_padding: rest,
  })
  return g.reshape(spreadOut, shape)
}
