import type * as Tf from '@tensorflow/tfjs'
import type { Call } from '../call.ts'
import type { Value } from '../value.ts'
import type { Rows } from './row.ts'
import { met, padded, type Windows, windowsOf } from './windows.ts'

/** Convolutions of `[batch, channels, ...spatial]`. */
export const CONVOLUTION: Rows = { Conv: { run: conv }, ConvTranspose: { run: convTranspose } }

function conv(call: Call): Value {
  const [x, w] = [call.x(0), call.x(1)]
  const windows = windowsOf(call, w.shape.slice(2), x.shape.slice(2))
  return call.like(biased(call, convolve(call, padded(call, x, windows.pads, 0), w, windows)))
}

/** The gradient of a convolution by its input: strides spread the input out, and the kernel is turned around. */
function convTranspose(call: Call): Value {
  const { tf } = call
  const [x, w] = [call.x(0), call.x(1)]
  const [kernel, spatial] = [w.shape.slice(2), x.shape.slice(2)]
  const ones = kernel.map(() => 1)
  const strides = call.ints('strides') ?? ones
  const dilations = call.ints('dilations') ?? ones
  const groups = call.int('group', 1)
  if (call.text('auto_pad', 'NOTSET') !== 'NOTSET') throw call.refuse('auto_pad')
  const given = call.ints('pads') ?? [...kernel, ...kernel].map(() => 0)
  const extra = call.ints('output_padding') ?? kernel.map(() => 0)
  const spans = kernel.map((size, i) => (size - 1) * dilations[i]! + 1)
  const full = (i: number) => (spatial[i]! - 1) * strides[i]! + spans[i]! + extra[i]!
  const wanted = call.ints('output_shape')
  const ends = kernel.map((_, i) => {
    if (!wanted) return [given[i]!, given[i + kernel.length]!] as const
    const all = full(i) - wanted[i]!
    return [Math.floor(all / 2), all - Math.floor(all / 2)] as const
  })
  const pads = ends.map(([before, after], i): [number, number] => [
    spans[i]! - 1 - before,
    spans[i]! - 1 - after + extra[i]!,
  ])
  const wide = spread(call, x, strides)
  const input = padded(call, wide, pads, 0)
  const counts = input.shape.slice(2).map((size, i) => size - spans[i]! + 1)
  // [in, out / groups, ...] to [out, in / groups, ...], turned around.
  const [inputs, outputs] = [w.shape[0]!, w.shape[1]!]
  const split = tf.reshape(w, [groups, inputs / groups, outputs, ...kernel])
  const order = [0, 2, 1, ...kernel.map((_, i) => i + 3)]
  const swapped = tf.reshape(tf.transpose(split, order), [groups * outputs, inputs / groups, ...kernel])
  const turned = tf.reverse(
    swapped,
    kernel.map((_, i) => i + 2),
  )
  return call.like(biased(call, convolve(call, input, turned, { kernel, strides: ones, dilations, pads, counts })))
}

/** Zeros between the elements of the spatial axes, `strides - 1` of them. */
function spread({ tf }: Call, x: Tf.Tensor, strides: readonly number[]): Tf.Tensor {
  if (strides.every((stride) => stride === 1)) return x
  const [batch, channels, ...spatial] = x.shape as [number, number, ...number[]]
  const apart = tf.reshape(x, [batch, channels, ...spatial.flatMap((size) => [size, 1])])
  const gaps = strides.flatMap((stride): [number, number][] => [
    [0, 0],
    [0, stride - 1],
  ])
  const wide = tf.pad(apart, [[0, 0], [0, 0], ...gaps])
  const joined = tf.reshape(wide, [batch, channels, ...spatial.map((size, i) => size * strides[i]!)])
  return tf.slice(
    joined,
    x.shape.map(() => 0),
    [batch, channels, ...spatial.map((size, i) => (size - 1) * strides[i]! + 1)],
  )
}

/** A padded `x [n, c, ...]` under kernels `w [m, c / groups, ...]` to `[n, m, ...counts]`. */
function convolve(call: Call, x: Tf.Tensor, w: Tf.Tensor, windows: Windows): Tf.Tensor {
  const { tf } = call
  const groups = call.int('group', 1)
  if (x.shape[1] !== w.shape[1]! * groups)
    throw call.fail(`${x.shape[1]} channels in ${groups} groups under kernels of ${w.shape[1]}`)
  const { kernel, strides, dilations } = windows
  const plain = strides.every((stride) => stride === 1) || dilations.every((dilation) => dilation === 1)
  if (kernel.length === 2 && groups === 1 && plain) return convolve2d(call, x, w, windows)
  const parts =
    groups === 1
      ? [[x, w] as const]
      : tf.split(x, groups, 1).map((part, i) => [part, tf.split(w, groups, 0)[i]!] as const)
  const results = parts.map(([some, kernels]) => accumulate(call, some, kernels, windows))
  return results.length === 1 ? results[0]! : tf.concat(results, 1)
}

/** The kernel of TensorFlow.js itself, which puts channels last. */
function convolve2d({ tf }: Call, x: Tf.Tensor, w: Tf.Tensor, { strides, dilations }: Windows): Tf.Tensor {
  const last = tf.transpose(x, [0, 2, 3, 1]) as Tf.Tensor4D
  const kernels = tf.transpose(w, [2, 3, 1, 0]) as Tf.Tensor4D
  const result = tf.conv2d(last, kernels, strides as [number, number], 'valid', 'NHWC', dilations as [number, number])
  return tf.transpose(result, [0, 3, 1, 2])
}

/** One matrix product for each element of the kernel, added up. */
function accumulate(call: Call, x: Tf.Tensor, w: Tf.Tensor, windows: Windows): Tf.Tensor {
  const { tf } = call
  const [batch, channels, ...counts] = [x.shape[0]!, x.shape[1]!, ...windows.counts]
  const places = counts.reduce((all, count) => all * count, 1)
  let sum: Tf.Tensor | undefined
  for (const [at, part] of met(call, x, windows)) {
    const kernels = tf.reshape(tf.slice(w, [0, 0, ...at], [w.shape[0]!, channels, ...at.map(() => 1)]), [
      w.shape[0]!,
      channels,
    ])
    const product = tf.matMul(kernels, tf.reshape(part, [batch, channels, places]))
    sum = sum ? tf.add(sum, product) : product
  }
  return tf.reshape(sum!, [batch, w.shape[0]!, ...counts])
}

function biased(call: Call, y: Tf.Tensor): Tf.Tensor {
  const bias = call.maybe(2)
  return bias ? call.tf.add(y, call.tf.reshape(bias, [1, -1, ...y.shape.slice(2).map(() => 1)])) : y
}
