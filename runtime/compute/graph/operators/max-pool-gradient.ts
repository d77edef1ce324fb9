import { elementCount } from '../../../data/tensor/check.ts'
import { tensorOf } from '../../../data/tensor/typed-array.ts'
import type { GraphBuilder } from '../build/graph-builder.ts'
import type { GradientContext } from '../build/operator.ts'
import type { Value } from '../build/value.ts'
import { isTiling, repeated } from './tiling.ts'
import { extent, offsets, type Window, windowAttributes } from './window.ts'

/**
 * The gradient of a MaxPool goes to the first largest element of each window, as in PyTorch. On the CPU engine the
 * places that MaxPool names say where; elsewhere (WebGPU has no such output) elements are compared with the maximum,
 * offset by offset. Windows that lie side by side are compared whole, which is four times as fast as naming places: of
 * several largest elements each has its share.
 */
export function maxPoolGradient(context: GradientContext, window: Window): Value {
  const { g, d, inputs, outputs } = context
  const x = inputs[0]!
  if (g.target !== 'cpu' || x.dtype !== 'float32') return byComparison(g, x, outputs[0]!, d, window)
  if (isTiling(window)) return shared(g, x, outputs[0]!, d, window)
  return isApart(window) ? unpooled(g, x, outputs[1]!, d, window) : scattered(g, x, outputs[1]!, d)
}

function shared(g: GraphBuilder, x: Value, y: Value, d: Value, window: Window): Value {
  const kernel = [...window.kernel]
  // Each channel an image of its own: onnxruntime would copy pools of many channels into its blocked layout, and back.
  const image = (value: Value) => g.reshape(value, [-1, 1, ...value.shape.slice(2)])
  const largest = g.cast(g.apply('Equal', [image(x), repeated(g, image(y), window)]), d.dtype)
  const shares = g.apply('AveragePool', [largest], { kernel_shape: kernel, strides: kernel })
  const share = g.div(image(d), g.scale(shares, elementCount(kernel)))
  return g.reshape(g.mul(largest, repeated(g, share, window)), x.shape)
}

/** Whether MaxUnpool does: no element lies in two windows, and no window reaches beyond the padding. */
function isApart({ kernel, strides, dilations, before, after, input, output }: Window): boolean {
  return kernel.every((size, i) => {
    const reach = (output[i]! - 1) * strides[i]! + size - before[i]! - after[i]!
    return strides[i]! >= extent(size, dilations[i]!) && reach <= input[i]!
  })
}

function unpooled(g: GraphBuilder, x: Value, places: Value, d: Value, window: Window): Value {
  const { kernel_shape, strides, pads } = windowAttributes(window)
  return g.apply('MaxUnpool', [d, places, g.integers(x.shape)], { kernel_shape, strides, pads })
}

/** What several windows have at one element is added up. This kernel runs on one thread: no update is lost. */
function scattered(g: GraphBuilder, x: Value, places: Value, d: Value): Value {
  const size = x.shape.reduce((count, dim) => count * dim, 1)
  const zeros = g.expand(g.scalar(0, d.dtype), [size])
  const sum = g.apply('ScatterElements', [zeros, g.reshape(places, [-1]), g.reshape(d, [-1])], {
    axis: 0,
    reduction: 'add',
  })
  return g.reshape(sum, x.shape)
}

/**
 * What each offset of the kernel sees is a strided slice; it is compared with the maxima, and what is not taken yet has
 * the gradient, laid back to where the slice came from.
 */
function byComparison(g: GraphBuilder, x: Value, y: Value, d: Value, window: Window): Value {
  const { kernel, strides, dilations, before, input, output } = window
  const spatial = input.map((_, i) => i + 2)
  const reach = output.map((places, i) => (places - 1) * strides[i]! + extent(kernel[i]!, dilations[i]!))
  const size = reach.map((end, i) => Math.max(end, before[i]! + input[i]!))
  const behind = size.map((end, i) => end - before[i]! - input[i]!)
  const padded = [...before, ...behind].some((pad) => pad > 0)
    ? g.apply('Pad', [x, g.integers([0, 0, ...before, 0, 0, ...behind]), lowest(g, x)])
    : x
  let free: Value | undefined
  let sum: Value | undefined
  for (const offset of offsets(kernel)) {
    const starts = offset.map((at, i) => at * dilations[i]!)
    const ends = starts.map((start, i) => start + (output[i]! - 1) * strides[i]! + 1)
    const seen = g.slice(padded, { axes: spatial, starts, ends, steps: strides })
    const equal = g.cast(g.apply('Equal', [seen, y]), d.dtype)
    const taken = free ? g.mul(equal, free) : equal
    free = free ? g.sub(free, taken) : g.sub(g.scalar(1, d.dtype), taken)
    const own = laidBack(g, g.mul(taken, d), { starts, size, window })
    sum = sum ? g.add(sum, own) : own
  }
  return padded === x
    ? sum!
    : g.slice(sum!, { axes: spatial, starts: before, ends: before.map((pad, i) => pad + input[i]!) })
}

/** What lies outside is never the maximum. */
function lowest(g: GraphBuilder, { dtype }: Value): Value {
  const array = dtype === 'float64' ? Float64Array.of(-Number.MAX_VALUE) : Float32Array.of(-3.4028234663852886e38)
  return g.constant(tensorOf(array, []))
}

/** A slice by strides put back among zeros. */
function laidBack(
  g: GraphBuilder,
  part: Value,
  { starts, size, window: { strides, output } }: { starts: readonly number[]; size: readonly number[]; window: Window },
): Value {
  const zeros = starts.map(() => 0)
  let spread = part
  if (strides.some((stride) => stride > 1)) {
    const [batch, channels] = part.shape as [number, number]
    const apart = g.reshape(part, [batch * channels, ...output.flatMap((places) => [places, 1])])
    const gaps = g.apply('Pad', [
      apart,
      g.integers([0, ...output.flatMap(() => [0, 0]), 0, ...strides.flatMap((stride) => [0, stride - 1])]),
    ])
    spread = g.reshape(gaps, [batch, channels, ...output.map((places, i) => places * strides[i]!)])
  }
  const spans = output.map((places, i) => places * strides[i]!)
  const fits = spans.map((span, i) => Math.min(span, size[i]! - starts[i]!))
  if (fits.some((fit, i) => fit < spans[i]!))
    spread = g.slice(spread, { axes: starts.map((_, i) => i + 2), starts: zeros, ends: fits })
  const after = size.map((all, i) => all - starts[i]! - fits[i]!)
  return [...starts, ...after].some((pad) => pad > 0)
    ? g.apply('Pad', [spread, g.integers([0, 0, ...starts, 0, 0, ...after])])
    : spread
}
