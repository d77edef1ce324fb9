import { elementCount } from '../../../data/tensor/check.ts'
import { tensorOf } from '../../../data/tensor/typed-array.ts'
import type { GraphBuilder } from '../build/graph-builder.ts'
import type { GradientContext } from '../build/operator.ts'
import type { Value } from '../build/value.ts'
import { extent, offsets, type Window, windowAttributes } from './window.ts'

/**
 * The gradient of a MaxPool goes to the first largest element of each window, as in PyTorch. On the CPU engine the
 * places that MaxPool names say where; elsewhere (WebGPU has no such output) elements are compared with the maximum,
 * offset by offset.
 */
export function maxPoolGradient(context: GradientContext, window: Window): Value {
  const { g, d, inputs, outputs } = context
  const x = inputs[0]!
  const y = outputs[0]!
  if (g.target !== 'cpu' || x.dtype !== 'float32') return byComparison(g, x, y, d, window)
  if (!isApart(window)) return scattered(g, x, outputs[1]!, d)
  return unpooled(g, x, isPlain(window) ? places(g, x, y, window) : outputs[1]!, d, window)
}

/** Windows so small that finding the places here is faster than MaxPool with its second output (bench/README.md). */
function isPlain({ kernel, before, after }: Window): boolean {
  return elementCount(kernel) <= 4 && [...before, ...after].every((pad) => pad === 0)
}

/** The second output of MaxPool: where in `x`, as it lies, the first maximum of each window is. */
function places(g: GraphBuilder, x: Value, y: Value, window: Window): Value {
  const { kernel, strides, dilations, input, output } = window
  const axes = input.map((_, i) => i + 2)
  const size = input.map((_, i) => elementCount(input.slice(i + 1)))
  const steps = offsets(kernel).map((offset) => offset.map((at, i) => at * dilations[i]!))
  const at = steps.map((starts) => starts.reduce((sum, start, i) => sum + start * size[i]!, 0))
  // From behind: if this one is not the maximum, it is one of those after it.
  const within = steps.slice(0, -1).reduceRight<Value | undefined>((later, starts, i) => {
    const ends = starts.map((start, axis) => start + (output[axis]! - 1) * strides[axis]! + 1)
    const isLess = g.apply('Less', [g.slice(x, { axes, starts, ends, steps: strides }), y])
    const step = at[i + 1]! - at[i]!
    const less = g.cast(isLess, 'float32')
    return g.mul(less, later ? g.shift(later, step) : g.scalar(step))
  }, undefined)
  // Where each window begins: a sum of small vectors along the axes, which the engine adds up once when it loads.
  const begins = [elementCount(x.shape.slice(1)), elementCount(input), ...size.map((each, i) => each * strides[i]!)]
  const first = begins
    .map((by, axis) => {
      const along = g.integers(Array.from({ length: y.shape[axis]! }, (_, i) => i * by))
      return g.reshape(
        along,
        y.shape.map((dim, i) => (i === axis ? dim : 1)),
      )
    })
    .reduce((sum, along) => g.add(sum, along))
  return within ? g.add(g.cast(within, 'int64'), first) : g.expand(first, y.shape)
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
  const parts = offsets(kernel).map((offset) => {
    const starts = offset.map((at, i) => at * dilations[i]!)
    const ends = starts.map((start, i) => start + (output[i]! - 1) * strides[i]! + 1)
    const seen = g.slice(padded, { axes: spatial, starts, ends, steps: strides })
    const equal = g.cast(g.apply('Equal', [seen, y]), d.dtype)
    const taken = free ? g.mul(equal, free) : equal
    free = free ? g.sub(free, taken) : g.sub(g.scalar(1, d.dtype), taken)
    return { value: g.mul(taken, d), starts }
  })
  const tiles = kernel.every((length, i) => strides[i] === length && dilations[i] === 1)
  const whole = tiles
    ? woven(
        g,
        parts.map(({ value }) => value),
        { size, window },
      )
    : parts.map(({ value, starts }) => laidBack(g, value, { starts, size, window })).reduce((a, b) => g.add(a, b))
  return padded === x
    ? whole
    : g.slice(whole, { axes: spatial, starts: before, ends: before.map((pad, i) => pad + input[i]!) })
}

/** Parts of windows that lie side by side, each element beside its neighbours, and zeros behind up to `size`. */
function woven(
  g: GraphBuilder,
  parts: readonly Value[],
  { size, window: { kernel, output } }: { size: readonly number[]; window: Window },
): Value {
  const [batch, channels] = parts[0]!.shape as [number, number]
  const stack = g.concat(
    parts.map((part) => g.reshape(part, [batch * channels, 1, ...output])),
    1,
  )
  const order = kernel.flatMap((_, i) => [1 + kernel.length + i, 1 + i])
  const joined = g.transpose(g.reshape(stack, [batch * channels, ...kernel, ...output]), [0, ...order])
  const tiles = output.map((places, i) => places * kernel[i]!)
  const rest = size.map((all, i) => all - tiles[i]!)
  const whole = g.reshape(joined, [batch, channels, ...tiles])
  return rest.some((left) => left > 0)
    ? g.apply('Pad', [whole, g.integers([0, 0, ...size.map(() => 0), 0, 0, ...rest])])
    : whole
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
