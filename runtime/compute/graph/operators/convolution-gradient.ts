import { elementCount } from '../../../data/tensor/check.ts'
import type { GraphBuilder } from '../build/graph-builder.ts'
import type { Value } from '../build/value.ts'
import { extent, offsets, type Window, windowAttributes } from './window.ts'

/** How a convolution slides: its window, and in how many groups its channels are apart. */
export interface Slide {
  readonly window: Window
  readonly group: number
}

/**
 * The gradient of a convolution's input, `[batch, channels, ...spatial]`: ConvTranspose. With stride 1 it is also a Conv
 * by the kernel turned round, which engines have faster kernels for; but that gathers from as many channels as there are
 * outputs, and the CPU engine is faster in scattering them where they are many more (bench/README.md).
 */
export function inputGradient(g: GraphBuilder, d: Value, w: Value, { window, group }: Slide): Value {
  const { kernel, strides, dilations, before, after, input, output } = window
  const [outputs, channels] = w.shape as [number, number]
  const reach = kernel.map((size, i) => extent(size, dilations[i]!) - 1)
  const scatters = g.target === 'cpu' && group === 1 && elementCount(kernel) > 1 && outputs >= 2 * channels
  const turns = strides.every((stride) => stride === 1) && reach.every((r, i) => r >= before[i]! && r >= after[i]!)
  if (turns && !scatters) {
    const pads = [...before.map((pad, i) => reach[i]! - pad), ...after.map((pad, i) => reach[i]! - pad)]
    return g.apply('Conv', [d, turned(g, w, group)], {
      kernel_shape: [...kernel],
      dilations: [...dilations],
      pads,
      group,
    })
  }
  // What the last window left over.
  const rest = input.map(
    (size, i) => size + before[i]! + after[i]! - (output[i]! - 1) * strides[i]! - extent(kernel[i]!, dilations[i]!),
  )
  const attributes = { ...windowAttributes(window), group, output_padding: rest }
  const isEven = before.every((pad, i) => pad === after[i])
  if (g.target === 'cpu' || isEven) return g.apply('ConvTranspose', [d, w], attributes)
  // onnxruntime's CUDA takes no unequal padding here.
  const all = g.apply('ConvTranspose', [d, w], { ...attributes, pads: [...before, ...after].map(() => 0) })
  const ends = before.map((pad, i) => pad + input[i]!)
  return g.slice(all, { axes: input.map((_, i) => i + 2), starts: before, ends })
}

/** A kernel turned round, with the channels of each group exchanged. */
function turned(g: GraphBuilder, w: Value, group: number): Value {
  const [outputs, channels, ...kernel] = w.shape as [number, number, ...number[]]
  const axes = kernel.map((_, i) => i + 2)
  const all = (value: number) => axes.map(() => value)
  const flipped =
    elementCount(kernel) === 1 ? w : g.slice(w, { axes, starts: all(-1), ends: all(-(2 ** 31)), steps: all(-1) })
  const groups = g.reshape(flipped, [group, outputs / group, channels, ...kernel])
  const exchanged = g.transpose(groups, [0, 2, 1, ...kernel.map((_, i) => i + 3)])
  return g.reshape(exchanged, [group * channels, outputs / group, ...kernel])
}

/**
 * The gradient of a convolution's weight, `[outputs, channels / group, ...kernel]`: products of the gradient with what
 * each offset of the kernel sees of the input (im2col; Chellapilla, Puri and Simard 2006, "High Performance Convolutional
 * Neural Networks for Document Processing", section 2.1), which engines compute faster than the convolution that it also
 * is. With few channels a product per image; with many one over all images, for which channels come first.
 */
export function weightGradient(g: GraphBuilder, x: Value, d: Value, { window, group }: Slide): Value {
  const [each, outputs] = [x.shape[1]! / group, d.shape[1]! / group]
  if (each === 1 && outputs === 1) return depthwiseGradient(g, x, d, window)
  if (group === 1 && each < MANY_CHANNELS) return byImages(g, x, d, window)
  return byGroups(g, x, d, { window, group })
}

/** From so many input channels on, a product over all images is faster than one per image (bench/README.md). */
const MANY_CHANNELS = 16

/** Rows that a product has at least: with fewer, reading the gradient again for each is what takes the time. */
const PRODUCT_ROWS = 48

function byImages(g: GraphBuilder, x: Value, d: Value, window: Window): Value {
  const { kernel, output } = window
  const [batch, channels] = x.shape as [number, number]
  const outputs = d.shape[1]!
  const places = elementCount(output)
  const seen = views(g, padded(g, x, window), window).map((view) => g.reshape(view, [batch, channels, places]))
  const gradient = g.swapLast(g.reshape(d, [batch, outputs, places]))
  const sums = chunks(seen, Math.ceil(PRODUCT_ROWS / channels)).map((some) =>
    g.sum(g.matmul(g.concat(some, 1), gradient), [0], false),
  )
  const all = g.reshape(g.concat(sums, 0), [...kernel, channels, outputs])
  return g.transpose(all, [kernel.length + 1, kernel.length, ...kernel.keys()])
}

function byGroups(g: GraphBuilder, x: Value, d: Value, { window, group }: Slide): Value {
  const { kernel, output } = window
  const [batch, channels] = x.shape as [number, number]
  const [each, outputs] = [channels / group, d.shape[1]! / group]
  const axes = kernel.map((_, i) => i + 2)
  const places = batch * elementCount(output)
  const gradient = g.reshape(g.transpose(d, [1, 0, ...axes]), [group, outputs, places])
  const products = views(g, g.transpose(padded(g, x, window), [1, 0, ...axes]), window).map((view) =>
    product(g, gradient, g.reshape(view, [group, each, places])),
  )
  const rows = g.reshape(g.concat(products, 2), [group * outputs, ...kernel, each])
  return g.transpose(rows, [0, axes.length + 1, ...axes.map((axis) => axis - 1)])
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
}

/** Where a channel makes one output alone, products of matrices would be of single rows: sums of elements instead. */
function depthwiseGradient(g: GraphBuilder, x: Value, d: Value, window: Window): Value {
  const channels = x.shape[1]!
  const sums = views(g, padded(g, x, window), window).map((view) =>
    g.reshape(biasGradient(g, g.mul(d, view)), [channels, 1]),
  )
  return g.reshape(g.concat(sums, 1), [channels, 1, ...window.kernel])
}

/**
 * What each offset of the kernel sees, row by row of the kernel. With strides, elements a stride apart are first put
 * together, once for all offsets that see them: the slices of those are copied by rows again.
 */
function views(g: GraphBuilder, slides: Value, { kernel, strides, dilations, output }: Window): Value[] {
  const axes = kernel.map((_, i) => i + 2)
  return offsets(kernel).map((offset) => {
    const at = offset.map((place, i) => place * dilations[i]!)
    const first = at.map((place, i) => place % strides[i]!)
    const ends = slides.shape.slice(2)
    const apart = strides.some((stride) => stride > 1)
    const phase = apart ? g.slice(slides, { axes, starts: first, ends, steps: strides }) : slides
    const starts = at.map((place, i) => Math.floor(place / strides[i]!))
    const whole = output.every((size, i) => size === phase.shape[i + 2])
    return whole ? phase : g.slice(phase, { axes, starts, ends: starts.map((start, i) => start + output[i]!) })
  })
}

/** `a b^T` of stacks of matrices; of one, by the operator that transposes on its way. */
function product(g: GraphBuilder, a: Value, b: Value): Value {
  const [stack, rows, inner] = a.shape as [number, number, number]
  if (stack > 1) return g.matmul(a, g.swapLast(b))
  const flat = g.gemm(g.reshape(a, [rows, inner]), g.reshape(b, [b.shape[1]!, inner]), { transB: true })
  return g.reshape(flat, [1, rows, b.shape[1]!])
}

function padded(g: GraphBuilder, x: Value, { before, after }: Window): Value {
  return [...before, ...after].some((pad) => pad > 0)
    ? g.apply('Pad', [x, g.integers([0, 0, ...before, 0, 0, ...after])])
    : x
}

/** The gradient of a bias: sums over all but the channels, along each image first, as it lies. */
export function biasGradient(g: GraphBuilder, d: Value): Value {
  const [batch, outputs, ...area] = d.shape as [number, number, ...number[]]
  return g.sum(g.sum(g.reshape(d, [batch, outputs, elementCount(area)]), [2], false), [0], false)
}
