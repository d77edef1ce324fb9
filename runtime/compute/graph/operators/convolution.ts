import { elementCount } from '../../../data/tensor/check.ts'
import type { Operator, OperatorCall } from '../build/operator.ts'
import { shown } from '../build/shapes.ts'
import type { TensorType, Value } from '../build/value.ts'
import { biasGradient, inputGradient, weightGradient } from './convolution-gradient.ts'
import { expectSpatial, extent, spatial, type Window, windowAttributes, windowOf } from './window.ts'

/**
 * Convolutions over any number of spatial axes, batch first, then channels. The weight of Conv is
 * `[output channels, input channels / group, ...kernel]`, that of ConvTranspose
 * `[input channels, output channels / group, ...kernel]`: one is the gradient of the other.
 */
export const CONVOLUTION: Readonly<Record<string, Operator>> = {
  Conv: {
    infer: inferConv,
    operations: (call, [y]) =>
      2 * elementCount(y!.shape) * elementCount(call.input(1).shape.slice(1)) +
      (call.has(2) ? elementCount(y!.shape) : 0),
    gradient: ({ g, d, call, inputs, needs }) => {
      const [x, w] = inputs as [Value, Value]
      const slide = { window: windowOf(call, w.shape.slice(2)), group: call.int('group', 1) }
      return [
        needs(0) ? inputGradient(g, d, w, slide) : undefined,
        needs(1) ? weightGradient(g, x, d, slide) : undefined,
        needs(2) ? biasGradient(g, d) : undefined,
      ]
    },
  },
  ConvTranspose: {
    infer: inferConvTranspose,
    operations: (call, [y]) =>
      2 * elementCount(call.input(0).shape) * elementCount(call.input(1).shape.slice(1)) +
      (call.has(2) ? elementCount(y!.shape) : 0),
    gradient: ({ g, d, call, inputs, needs }) => {
      const [x, w] = inputs as [Value, Value]
      const window = transposedWindow(call)
      const group = call.int('group', 1)
      return [
        needs(0) ? g.apply('Conv', [d, w], { ...windowAttributes(window), group }) : undefined,
        needs(1) ? weightGradient(g, d, x, { window, group }) : undefined,
        needs(2) ? biasGradient(g, d) : undefined,
      ]
    },
  },
}

function inferConv(call: OperatorCall): TensorType[] {
  const [x, w] = expectWeight(call)
  const group = call.int('group', 1)
  const [outputs, channels] = w.shape as [number, number]
  if (x.shape[1] !== channels * group || outputs % group !== 0)
    throw call.refuse(
      'shape',
      `expected a weight [outputs, ${x.shape[1]! / group}, ...kernel] with outputs a multiple of group ${group} for inputs ${shown(x.shape)}, found ${shown(w.shape)}`,
    )
  expectBias(call, outputs)
  return [{ dtype: x.dtype, shape: [x.shape[0]!, outputs, ...windowOf(call, w.shape.slice(2)).output] }]
}

function inferConvTranspose(call: OperatorCall): TensorType[] {
  const [x, w] = expectWeight(call)
  const group = call.int('group', 1)
  if (x.shape[1] !== w.shape[0] || x.shape[1]! % group !== 0)
    throw call.refuse(
      'shape',
      `expected a weight [${x.shape[1]}, outputs / group, ...kernel] for inputs ${shown(x.shape)} in ${group} groups, found ${shown(w.shape)}`,
    )
  const outputs = w.shape[1]! * group
  expectBias(call, outputs)
  return [{ dtype: x.dtype, shape: [x.shape[0]!, outputs, ...transposedWindow(call).input] }]
}

/** The window of the Conv that a ConvTranspose reverses: its output is the input here. */
function transposedWindow(call: OperatorCall): Window {
  const output = call.input(0).shape.slice(2)
  const kernel = call.input(1).shape.slice(2)
  if (call.text('auto_pad', 'NOTSET') !== 'NOTSET' || call.attributes.output_shape !== undefined)
    throw call.refuse('attribute', 'expected pads and output_padding, found auto_pad or output_shape; write the pads')
  const ones = output.map(() => 1)
  const strides = spatial(call, 'strides', ones)
  const dilations = spatial(call, 'dilations', ones)
  const zeros = output.map(() => 0)
  const pads = call.ints('pads', [...zeros, ...zeros])
  const extra = call.ints('output_padding', zeros)
  const [before, after] = [pads.slice(0, output.length), pads.slice(output.length)]
  const input = output.map(
    (size, i) =>
      strides[i]! * (size - 1) + extent(kernel[i]!, dilations[i]!) + (extra[i] ?? 0) - before[i]! - (after[i] ?? 0),
  )
  if (pads.length !== 2 * output.length || input.some((size) => size < 1))
    throw call.refuse(
      'shape',
      `expected ${2 * output.length} pads that leave something of ${shown(output)}, found ${shown(pads)}`,
    )
  return { kernel, strides, dilations, before, after, input, output }
}

function expectWeight(call: OperatorCall): [Value, Value] {
  expectSpatial(call)
  const [x, w] = [call.input(0), call.input(1)]
  if (x.dtype !== w.dtype)
    throw call.refuse('dtype', `expected inputs and weight of one dtype, found ${x.dtype} and ${w.dtype}; cast one`)
  if (w.shape.length !== x.shape.length)
    throw call.refuse('shape', `expected a weight of the rank of ${shown(x.shape)}, found ${shown(w.shape)}`)
  return [x, w]
}

function expectBias(call: OperatorCall, outputs: number): void {
  const bias = call.inputs[2]
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== outputs))
    throw call.refuse('shape', `expected a bias [${outputs}], found ${shown(bias.shape)}`)
}
