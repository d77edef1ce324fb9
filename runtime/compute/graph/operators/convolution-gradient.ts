import { elementCount } from '../../../data/tensor/check.ts'
import type { GraphBuilder } from '../build/graph-builder.ts'
import type { Value } from '../build/value.ts'
import { extent, type Window, windowAttributes } from './window.ts'

/** How a convolution slides: its window, and in how many groups its channels are apart. */
export interface Slide {
  readonly window: Window
  readonly group: number
}

/**
 * The gradient of a convolution's input: `[batch, channels, ...spatial]`. With stride 1 it is a convolution by the
 * kernel turned round, which engines have faster kernels for than for its general form, ConvTranspose.
 */
export function inputGradient(g: GraphBuilder, d: Value, w: Value, { window, group }: Slide): Value {
  const { kernel, strides, dilations, before, after, input, output } = window
  const reach = kernel.map((size, i) => extent(size, dilations[i]!) - 1)
  const turns = strides.every((stride) => stride === 1) && reach.every((r, i) => r >= before[i]! && r >= after[i]!)
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

/**
 * The gradient of a convolution's weight: a convolution too, of the inputs by the gradient, where batch and channels
 * have changed places and strides are dilations.
 */
export function weightGradient(g: GraphBuilder, x: Value, d: Value, { window, group }: Slide): Value {
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

/** The gradient of a bias: sums over all but the channels. */
export function biasGradient(g: GraphBuilder, d: Value): Value {
  const axes = d.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]))
  return g.sum(d, axes, false)
}
