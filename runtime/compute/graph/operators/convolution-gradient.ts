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
 * The gradient of a convolution's input: `[batch, channels, ...spatial]`. With stride 1 it is a convolution by the
 * kernel turned round, which engines have faster kernels for than for its general form, ConvTranspose; unless there are
 * many more channels to gather from than to scatter to.
 */
export function inputGradient(g: GraphBuilder, d: Value, w: Value, { window, group }: Slide): Value {
  const { kernel, strides, dilations, before, after, input, output } = window
  const [outputs, channels] = w.shape as [number, number]
  const reach = kernel.map((size, i) => extent(size, dilations[i]!) - 1)
  const scatters = g.target === 'cpu' && group === 1 && elementCount(kernel) > 1 && outputs >= 2 * channels
  const turns =
    !scatters && strides.every((stride) => stride === 1) && reach.every((r, i) => r >= before[i]! && r >= after[i]!)
  if (turns) {
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
  return g.apply('ConvTranspose', [d, w], { ...windowAttributes(window), group, output_padding: rest })
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

/** The gradient of a convolution's weight: `[output channels, input channels / group, ...kernel]`. */
export function weightGradient(g: GraphBuilder, x: Value, d: Value, slide: Slide): Value {
  return g.target === 'cpu' && slide.group === 1 ? byColumns(g, x, d, slide.window) : bySwappedAxes(g, x, d, slide)
}

/**
 * Products of matrices, the fastest that the CPU engine does: `columns`, what each offset of the kernel meets, by the
 * gradient, summed over the batch (im2col; Chellapilla, Puri and Simard 2006, "High Performance Convolutional Neural
 * Networks for Document Processing", section 2.1). Offsets are taken several at a time: few enough that the columns are
 * no larger than the input times a small number, enough that the matrices are not thin.
 */
function byColumns(g: GraphBuilder, x: Value, d: Value, window: Window): Value {
  const { kernel, strides, dilations, before, after, input, output } = window
  const [batch, channels] = x.shape as [number, number]
  const outputs = d.shape[1]!
  const places = elementCount(output)
  const spatial = input.map((_, i) => i + 2)
  const padded = [...before, ...after].some((pad) => pad > 0)
    ? g.apply('Pad', [x, g.integers([0, 0, ...before, 0, 0, ...after])])
    : x
  const met = (offset: readonly number[]) => {
    const starts = offset.map((at, i) => at * dilations[i]!)
    const ends = starts.map((start, i) => start + (output[i]! - 1) * strides[i]! + 1)
    return g.slice(padded, { axes: spatial, starts, ends, steps: strides })
  }
  const rows = g.swapLast(g.reshape(d, [batch, outputs, places]))
  const sums = chunks(offsets(kernel), Math.ceil(COLUMN_CHANNELS / channels)).map((some) => {
    const columns = g.reshape(g.concat(some.map(met), 1), [batch, some.length * channels, places])
    return g.sum(g.matmul(columns, rows), [0], false)
  })
  const all = g.reshape(g.concat(sums, 0), [...kernel, channels, outputs])
  return g.transpose(all, [kernel.length + 1, kernel.length, ...kernel.keys()])
}

/** Rows of one product at least: fewer, and reading the gradient again for each product is what takes the time. */
const COLUMN_CHANNELS = 48

/**
 * A convolution too: of the inputs by the gradient, where batch and channels have changed places and strides are
 * dilations.
 */
function bySwappedAxes(g: GraphBuilder, x: Value, d: Value, { window, group }: Slide): Value {
  const { kernel, strides, dilations, before, after, output } = window
  const [batch, channels] = x.shape as [number, number]
  const spatial = window.input.map((_, i) => i + 2)
  const apart = g.reshape(x, [batch, group, channels / group, ...window.input])
  const inputs = g.reshape(g.transpose(apart, [2, 1, 0, ...spatial.map((axis) => axis + 1)]), [
    channels / group,
    group * batch,
    ...window.input,
  ])
  // What the last window left over is cut off, so that no further place is found in it.
  const rest = window.input.map(
    (size, i) => size + before[i]! + after[i]! - (output[i]! - 1) * strides[i]! - extent(kernel[i]!, dilations[i]!),
  )
  const kept = rest.map((left, i) => Math.min(left, after[i]!))
  const cut = rest.map((left, i) => left - kept[i]!)
  const shown = cut.some((size) => size > 0)
    ? g.slice(inputs, {
        axes: spatial,
        starts: spatial.map(() => 0),
        ends: window.input.map((size, i) => size - cut[i]!),
      })
    : inputs
  const kernels = g.transpose(d, [1, 0, ...spatial])
  const gradient = g.apply('Conv', [shown, kernels], {
    kernel_shape: [...output],
    strides: [...dilations],
    dilations: [...strides],
    pads: [...before, ...after.map((pad, i) => pad - kept[i]!)],
    group,
  })
  return g.transpose(gradient, [1, 0, ...spatial])
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
}

/** The gradient of a bias: sums over all but the channels. */
export function biasGradient(g: GraphBuilder, d: Value): Value {
  const axes = d.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]))
  return g.sum(d, axes, false)
}
