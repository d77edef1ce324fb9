import { z } from 'zod'
import type { Attributes, Value } from '../../../build/value.ts'
import { windowAttributes } from '../../../layers/convolution.ts'
import type { Building, LayerBuild, LayerRule } from '../building.ts'
import type { LayerSpec } from '../layer-spec.ts'
import type { ImportedWeight } from '../weights.ts'
import { activationOf } from './activation.ts'
import { sequenceSettings, type WindowSettings, windowSettings } from './window.ts'

/** Kernels `[height, width, in, out]` lie here as `[out, in, height, width]`. */
const OUT_IN_HEIGHT_WIDTH = [3, 2, 0, 1]

/** Convolutions: pictures come with channels last, and are turned once. */
export const CONVOLUTION: Readonly<Record<string, LayerRule>> = {
  Conv2D: (layer) => {
    const settings = windowSettings(layer)
    const kernel = layer.weight('kernel', { order: OUT_IN_HEIGHT_WIDTH })
    return convolution(layer, settings, (b, x, bias) =>
      b.g.apply('Conv', [x, b.weight(kernel), ...b.weights(bias)], attributesOf(x, settings)),
    )
  },
  Conv1D: (layer) => {
    const settings = sequenceSettings(layer)
    const [length, channels, filters] = layer.weightShape('kernel') as [number, number, number]
    const kernel = layer.weight('kernel', { order: [2, 1, 0], shape: [filters, channels, 1, length] })
    return convolution(layer, settings, (b, x, bias) =>
      b.g.apply('Conv', [x, b.weight(kernel), ...b.weights(bias)], attributesOf(x, settings)),
    )
  },
  DepthwiseConv2D: (layer) => {
    const settings = windowSettings(layer)
    const kernel = depthwiseKernel(layer)
    return convolution(layer, settings, (b, x, bias) => depthwise(b, x, kernel, settings, bias))
  },
  SeparableConv2D: (layer) => {
    const settings = windowSettings(layer)
    const kernel = depthwiseKernel(layer)
    const point = layer.weight('pointwise_kernel', { order: OUT_IN_HEIGHT_WIDTH, settings: 'pointwise' })
    return convolution(layer, settings, (b, x, bias) =>
      b.g.apply('Conv', [depthwise(b, x, kernel, settings, []), b.weight(point), ...b.weights(bias)]),
    )
  },
  Conv2DTranspose: (layer) => {
    const settings = windowSettings(layer)
    if (settings.dilation.some((gap) => gap !== 1)) throw layer.refuse('no dilationRate')
    const kernel = layer.weight('kernel', { order: OUT_IN_HEIGHT_WIDTH })
    return convolution(layer, settings, (b, x, bias) =>
      b.g.apply('ConvTranspose', [x, b.weight(kernel), ...b.weights(bias)], transposedAttributes(settings)),
    )
  },
}

/** A convolution as `convolve` has it, with the layer's bias and activation. */
function convolution(
  layer: LayerSpec,
  { pictures }: WindowSettings,
  convolve: (b: Building, x: Value, bias: readonly ImportedWeight[]) => Value,
): LayerBuild {
  const { use_bias: useBias } = layer.read(z.looseObject({ use_bias: z.boolean().default(true) }))
  const bias = useBias ? [layer.weight('bias', { kind: 'bias' })] : []
  const activate = activationOf(layer)
  return (b, [x]) =>
    activate(
      b,
      pictures(b.g, x!, (picture) => convolve(b, picture, bias)),
    )
}

/** `[height, width, in, multiplier]` as `[in multiplier, 1, height, width]`, a group a channel. */
function depthwiseKernel(layer: LayerSpec): ImportedWeight {
  const [height, width, channels, multiplier] = layer.weightShape('depthwise_kernel') as [
    number,
    number,
    number,
    number,
  ]
  return layer.weight('depthwise_kernel', {
    order: [2, 3, 0, 1],
    shape: [channels * multiplier, 1, height, width],
    settings: 'depthwise',
  })
}

function depthwise(
  b: Building,
  x: Value,
  kernel: ImportedWeight,
  settings: WindowSettings,
  bias: readonly ImportedWeight[],
): Value {
  return b.g.apply(
    'Conv',
    [x, b.weight(kernel), ...b.weights(bias)],
    attributesOf(x, { ...settings, groups: x.shape[1]! }),
  )
}

function attributesOf(x: Value, { size, stride, dilation, padding, groups }: WindowSettings): Attributes {
  const window = windowAttributes(x, { kernel: size, stride, dilation, padding })
  return groups === 1 ? window : { ...window, group: groups }
}

/** `same` makes pictures `stride` times as large, `valid` as large as the window reaches. */
function transposedAttributes({ size, stride, padding }: WindowSettings): Attributes {
  const over = size.map((length, axis) => (padding === 'same' ? length - stride[axis]! : 0))
  const cut = over.map((length) => Math.max(0, length))
  const less = cut.map((length) => Math.floor(length / 2))
  return {
    kernel_shape: [...size],
    strides: [...stride],
    pads: [...less, ...cut.map((length, axis) => length - less[axis]!)],
    output_padding: size.map((length, axis) => Math.max(0, stride[axis]! - length)),
  }
}
