import type { OperatorCall } from '../build/operator.ts'
import { shown } from '../build/shapes.ts'

/** Where a window goes as it slides over the spatial axes, those after batch and channels; a number per axis each. */
export interface Window {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Padding before the first element of an axis, and after the last. */
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** Spatial sizes of what slides under it, and how many places it takes. */
  readonly input: readonly number[]
  readonly output: readonly number[]
}

/** From the first to the last element of a kernel along one axis, gaps included. */
export const extent = (kernel: number, dilation: number): number => (kernel - 1) * dilation + 1

/**
 * The window of a convolution or pooling, from its attributes (`strides`, `dilations`, `pads` or `auto_pad`,
 * `ceil_mode`; https://onnx.ai/onnx/operators/onnx__Conv.html, onnx__MaxPool.html). Throws `graph.shape` where the window
 * finds no place.
 */
export function windowOf(call: OperatorCall, kernel: readonly number[]): Window {
  const input = call.input(0).shape.slice(2)
  const ones = input.map(() => 1)
  const strides = spatial(call, 'strides', ones)
  const dilations = spatial(call, 'dilations', ones)
  const { before, after } = padsOf(call, { input, kernel, strides, dilations })
  const ceil = call.int('ceil_mode', 0) === 1
  const output = input.map((size, i) => {
    const room = size + before[i]! + after[i]! - extent(kernel[i]!, dilations[i]!)
    if (room < 0)
      throw call.refuse(
        'shape',
        `expected the window ${shown(kernel)} to fit into ${shown(input)} with padding ${shown([...before, ...after])}, it is larger; pad more or use a smaller one`,
      )
    const places = (ceil ? Math.ceil : Math.floor)(room / strides[i]!) + 1
    // A window that would start in the padding behind has no element: it is left out.
    return ceil && (places - 1) * strides[i]! >= size + before[i]! ? places - 1 : places
  })
  return { kernel, strides, dilations, before, after, input, output }
}

function padsOf(
  call: OperatorCall,
  { input, kernel, strides, dilations }: Pick<Window, 'input' | 'kernel' | 'strides' | 'dilations'>,
): Pick<Window, 'before' | 'after'> {
  const mode = call.text('auto_pad', 'NOTSET')
  const zeros = input.map(() => 0)
  if (mode === 'NOTSET' || mode === '') {
    const pads = call.ints('pads', [...zeros, ...zeros])
    if (pads.length !== 2 * input.length || pads.some((size) => size < 0))
      throw call.refuse('shape', `expected ${2 * input.length} pads of at least 0, found ${shown(pads)}`)
    return { before: pads.slice(0, input.length), after: pads.slice(input.length) }
  }
  if (mode === 'VALID') return { before: zeros, after: zeros }
  if (mode !== 'SAME_UPPER' && mode !== 'SAME_LOWER')
    throw call.refuse('attribute', `expected NOTSET, VALID, SAME_UPPER or SAME_LOWER for auto_pad, found ${mode}`)
  const total = input.map((size, i) => {
    const places = Math.ceil(size / strides[i]!)
    return Math.max(0, (places - 1) * strides[i]! + extent(kernel[i]!, dilations[i]!) - size)
  })
  const less = total.map((size) => Math.floor(size / 2))
  const more = total.map((size) => Math.ceil(size / 2))
  return mode === 'SAME_UPPER' ? { before: less, after: more } : { before: more, after: less }
}

/** An attribute with a positive number per spatial axis. Throws `graph.attribute`. */
export function spatial(call: OperatorCall, name: string, missing: readonly number[]): number[] {
  const values = call.ints(name, missing)
  const rank = call.input(0).shape.length - 2
  if (values.length !== rank || values.some((value) => value < 1))
    throw call.refuse('attribute', `expected ${rank} positive numbers for ${name}, found ${shown(values)}`)
  return values
}

/** Throws `graph.shape` unless the first input has a batch, channels and one spatial axis at least. */
export function expectSpatial(call: OperatorCall): void {
  const { shape } = call.input(0)
  if (shape.length < 3)
    throw call.refuse('shape', `expected [batch, channels, height, width] or alike, found shape ${shown(shape)}`)
}

/** Every offset inside a kernel, row by row: `[0, 0], [0, 1], ...`. */
export function offsets(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (found, size) => found.flatMap((offset) => Array.from({ length: size }, (_, at) => [...offset, at])),
    [[]],
  )
}

/** Attributes that say where the window goes. */
export function windowAttributes({ kernel, strides, dilations, before, after }: Omit<Window, 'input' | 'output'>) {
  return { kernel_shape: [...kernel], strides: [...strides], dilations: [...dilations], pads: [...before, ...after] }
}
