import { userError } from '../../../base/index.ts'
import type { Tensor } from '../../../data/tensor/tensor.ts'
import { shown } from '../build/shapes.ts'
import type { Value } from '../build/value.ts'
import { heNormal, type Initializer, zeros } from './initializer.ts'
import { type Layer, type LayerOptions, layer } from './layer.ts'
import type { Scope } from './scope.ts'

/** Height and width, or one number for both. */
export type Size2d = number | readonly [number, number]

/**
 * What lies around a picture: `valid` nothing, `same` zeros so that the output is the input's size divided by the stride,
 * rounded up (an odd one more at the end, as TensorFlow has it); a number: so many zeros at each side.
 */
export type Padding = 'valid' | 'same' | Size2d

/** How a window slides. */
export interface WindowOptions extends LayerOptions {
  /** Default: 1 for convolutions, the window's size for pools. */
  readonly stride?: Size2d
  /** Default: `valid`. */
  readonly padding?: Padding
}

/** Options of {@link conv2d}. */
export interface Conv2dOptions extends WindowOptions {
  /** Distance of the places in a picture that neighbouring weights meet. Default: 1. */
  readonly dilation?: Size2d
  /** Groups of channels that are seen apart. Default: 1. */
  readonly groups?: number
  /** Default: true. */
  readonly bias?: boolean
  /** Default: {@link heNormal}. */
  readonly initial?: Initializer | Tensor
  /** Default: zeros. */
  readonly biasInitial?: Initializer | Tensor
}

/**
 * `[batch, channels, height, width]` to `[batch, filters, ...]`. Parameters: `weight [filters, channels / groups, ...kernel]`,
 * `bias [filters]`.
 */
export function conv2d(filters: number, kernel: Size2d, options: Conv2dOptions = {}): Layer {
  return layer('conv2d', options, (s, x) => convolved(s, x, filters, kernel, options))
}

/** Each channel seen by itself, by `multiplier` filters of its own (default: 1): {@link conv2d} in as many groups as channels. */
export function depthwiseConv2d(
  kernel: Size2d,
  { multiplier = 1, ...options }: Omit<Conv2dOptions, 'groups'> & { readonly multiplier?: number } = {},
): Layer {
  return layer('depthwise_conv2d', options, (s, x) => {
    const channels = x.shape[1] ?? 1
    return convolved(s, x, channels * multiplier, kernel, { ...options, groups: channels })
  })
}

function convolved(s: Scope, x: Value, filters: number, kernel: Size2d, options: Conv2dOptions): Value {
  const { dilation = 1, groups = 1, bias = true, initial = heNormal, biasInitial = zeros } = options
  s.expectRank(x, 4, '[batch, channels, height, width]')
  const channels = x.shape[1]!
  const size = both(kernel)
  if (channels % groups !== 0 || filters % groups !== 0)
    throw userError(
      'graph.shape',
      `${s.path}: expected ${filters} filters and the ${channels} channels of ${shown(x.shape)} to be multiples of ${groups} groups`,
      { layer: s.path },
    )
  const shape = [filters, channels / groups, ...size]
  const weight = s.parameter('weight', { shape, initial })
  const area = size[0] * size[1]
  const fans = [(channels / groups) * area, (filters / groups) * area] as const
  const inputs = [x, weight]
  if (bias) inputs.push(s.parameter('bias', { shape: [filters], initial: biasInitial, kind: 'bias', fans }))
  return s.g.apply('Conv', inputs, {
    ...windowAttributes(x, { ...options, kernel: size, stride: options.stride ?? 1, dilation }),
    ...(groups !== 1 && { group: groups }),
  })
}

/** Attributes of an operator whose window slides over the last two axes of `x`. */
export function windowAttributes(
  x: Value,
  {
    kernel,
    stride,
    padding = 'valid',
    dilation = 1,
  }: { kernel: Size2d; stride: Size2d; padding?: Padding; dilation?: Size2d },
): Record<string, readonly number[]> {
  const [size, strides, dilations] = [both(kernel), both(stride), both(dilation)]
  const pads = [0, 1].map((axis) => {
    if (padding === 'valid') return [0, 0]
    if (padding !== 'same') return [both(padding)[axis]!, both(padding)[axis]!]
    const length = x.shape[2 + axis]!
    const reach = (size[axis]! - 1) * dilations[axis]! + 1
    const total = Math.max(0, (Math.ceil(length / strides[axis]!) - 1) * strides[axis]! + reach - length)
    return [Math.floor(total / 2), Math.ceil(total / 2)]
  })
  return {
    kernel_shape: size,
    strides,
    pads: [pads[0]![0]!, pads[1]![0]!, pads[0]![1]!, pads[1]![1]!],
    ...((dilations[0] !== 1 || dilations[1] !== 1) && { dilations }),
  }
}

function both(size: Size2d): readonly [number, number] {
  return typeof size === 'number' ? [size, size] : size
}
