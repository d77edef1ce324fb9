import type * as Tf from '@tensorflow/tfjs'
import type { Call } from '../call.ts'

/** How a kernel moves over the spatial axes of `[batch, channels, ...spatial]`: one number an axis. */
export interface Windows {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Before and after each axis. Negative: cut away. */
  readonly pads: readonly (readonly [number, number])[]
  /** Positions of the kernel. */
  readonly counts: readonly number[]
}

/** The windows that a node's attributes describe, over an input of this spatial size. */
export function windowsOf(call: Call, kernel: readonly number[], spatial: readonly number[]): Windows {
  const rank = spatial.length
  const each = (name: string) => call.ints(name) ?? new Array<number>(rank).fill(1)
  const [strides, dilations] = [each('strides'), each('dilations')]
  const spans = kernel.map((size, i) => (size - 1) * dilations[i]! + 1)
  const pads = padsOf(call, spatial, strides, spans)
  const round = call.int('ceil_mode', 0) === 1 ? Math.ceil : Math.floor
  const counts = spatial.map((size, i) => {
    const [before, after] = pads[i]!
    const count = round((size + before + after - spans[i]!) / strides[i]!) + 1
    // No window begins in what is only there for its end.
    return round === Math.ceil && (count - 1) * strides[i]! >= size + before ? count - 1 : count
  })
  const reached = pads.map(([before, after], i): [number, number] => {
    const missing = (counts[i]! - 1) * strides[i]! + spans[i]! - (spatial[i]! + before + after)
    return [before, after + Math.max(0, missing)]
  })
  return { kernel, strides, dilations, pads: reached, counts }
}

function padsOf(
  call: Call,
  spatial: readonly number[],
  strides: readonly number[],
  spans: readonly number[],
): (readonly [number, number])[] {
  const mode = call.text('auto_pad', 'NOTSET')
  if (mode === 'NOTSET' || mode === 'VALID') {
    const pads = (mode === 'NOTSET' && call.ints('pads')) || new Array<number>(2 * spatial.length).fill(0)
    return spatial.map((_, i) => [pads[i]!, pads[i + spatial.length]!])
  }
  return spatial.map((size, i) => {
    const all = Math.max(0, (Math.ceil(size / strides[i]!) - 1) * strides[i]! + spans[i]! - size)
    const less = Math.floor(all / 2)
    return mode === 'SAME_UPPER' ? [less, all - less] : [all - less, less]
  })
}

/** `x` with its spatial axes padded by `value`, or cut where pads are negative. */
export function padded({ tf }: Call, x: Tf.Tensor, pads: Windows['pads'], value: number): Tf.Tensor {
  if (pads.every(([before, after]) => before === 0 && after === 0)) return x
  const begin = [0, 0, ...pads.map(([before]) => Math.max(0, -before))]
  const size = x.shape.map((dim, axis) => dim - begin[axis]! - Math.max(0, -(pads[axis - 2]?.[1] ?? 0)))
  const outer = pads.map(([before, after]): [number, number] => [Math.max(0, before), Math.max(0, after)])
  return tf.pad(tf.slice(x, begin, size), [[0, 0], [0, 0], ...outer], value)
}

/**
 * For each element of the kernel, what it meets in all windows: `[batch, channels, ...counts]`. In any number of axes,
 * with any strides and dilations, which no kernel of TensorFlow.js allows together.
 */
export function* met(call: Call, x: Tf.Tensor, windows: Windows): Generator<[at: number[], part: Tf.Tensor]> {
  const { kernel, strides, dilations, counts } = windows
  const total = kernel.reduce((all, size) => all * size, 1)
  for (let index = 0; index < total; index++) {
    const at: number[] = []
    for (let axis = kernel.length - 1, rest = index; axis >= 0; axis--) {
      at.unshift(rest % kernel[axis]!)
      rest = Math.floor(rest / kernel[axis]!)
    }
    const begin = [0, 0, ...at.map((position, i) => position * dilations[i]!)]
    const end = [x.shape[0]!, x.shape[1]!, ...counts.map((count, i) => begin[i + 2]! + (count - 1) * strides[i]! + 1)]
    yield [at, call.tf.stridedSlice(x, begin, end, [1, 1, ...strides])]
  }
}
