import type * as Tf from '@tensorflow/tfjs'
import type { Call } from '../call.ts'
import type { Value } from '../value.ts'
import type { Row, Rows } from './row.ts'
import { product } from './shapes.ts'
import { met, padded, type Windows, windowsOf } from './windows.ts'

/** The largest element or the mean of each window, or of a whole channel. */
export const POOLING: Rows = {
  MaxPool: { outputs: 2, run: maxPool },
  MaxUnpool: { run: maxUnpool },
  AveragePool: { run: averagePool },
  GlobalMaxPool: global((call, x, axes) => call.tf.max(x, axes, true)),
  GlobalAveragePool: global((call, x, axes) => call.tf.mean(x, axes, true)),
}

function maxPool(call: Call): readonly Value[] {
  const x = call.x(0)
  const windows = windowsOf(call, call.ints('kernel_shape') ?? [], x.shape.slice(2))
  const padding = padded(call, x, windows.pads, Number.NEGATIVE_INFINITY)
  if (call.node.output.length < 2) return [call.like(folded(call, padding, windows, 'maximum'))]
  if (call.int('storage_order', 0) !== 0) throw call.refuse('storage_order')
  const { tf } = call
  let best: [value: Tf.Tensor, at: Tf.Tensor] | undefined
  for (const [at, part] of met(call, padding, windows)) {
    const places = placesOf(call, x.shape, at, windows)
    if (!best) best = [part, tf.broadcastTo(places, part.shape)]
    else {
      const larger = tf.greater(part, best[0])
      best = [tf.where(larger, part, best[0]), tf.where(larger, places, best[1])]
    }
  }
  return [call.like(best![0]), { dtype: 'int64', tensor: best![1] }]
}

/** Where an element of the kernel lies in the input, for each window: positions in the whole tensor, row by row. */
function placesOf({ tf }: Call, shape: readonly number[], at: readonly number[], windows: Windows): Tf.Tensor {
  const [batch, channels, ...spatial] = shape as [number, number, ...number[]]
  const { counts, strides, dilations, pads } = windows
  const area = product(spatial)
  const axis = (size: number, i: number, rank: number, place: (index: number) => number) =>
    tf.tensor(
      Int32Array.from({ length: size }, (_, index) => place(index)),
      Array.from({ length: rank }, (_, each) => (each === i ? size : 1)),
      'int32',
    )
  const rank = shape.length
  const along = counts.map((count, i) => {
    const step = product(spatial.slice(i + 1))
    const first = at[i]! * dilations[i]! - pads[i]![0]
    return axis(count, i + 2, rank, (index) => (first + index * strides[i]!) * step)
  })
  const channel = axis(channels, 1, rank, (index) => index * area)
  return along.reduce(
    (sum, each) => tf.add(sum, each),
    tf.add(
      axis(batch, 0, rank, (i) => i * channels * area),
      channel,
    ),
  )
}

/** Elements back at the positions that a max pool found them at; zeros elsewhere. */
function maxUnpool(call: Call): Value {
  const { tf } = call
  const x = call.x(0)
  const kernel = call.ints('kernel_shape') ?? []
  const strides = call.ints('strides') ?? kernel.map(() => 1)
  const pads = call.ints('pads') ?? [...kernel, ...kernel].map(() => 0)
  const spread = x.shape.slice(2).map((size, i) => {
    return (size - 1) * strides[i]! + kernel[i]! - pads[i]! - pads[i + kernel.length]!
  })
  const shape = [...(call.maybeNumbers(2) ?? [...x.shape.slice(0, 2), ...spread])]
  const zeros = tf.zeros([product(shape)])
  const places = tf.reshape(tf.cast(call.x(1), 'int32'), [-1, 1])
  return call.like(tf.reshape(tf.tensorScatterUpdate(zeros, places, tf.reshape(x, [-1])), shape))
}

/** Padding counts only where it is asked for, and what `ceil_mode` adds at the end never does. */
function averagePool(call: Call): Value {
  const { tf } = call
  const x = call.x(0)
  const spatial = x.shape.slice(2)
  const windows = windowsOf(call, call.ints('kernel_shape') ?? [], spatial)
  const total = folded(call, padded(call, x, windows.pads, 0), windows, 'add')
  const ones = tf.ones([1, 1, ...spatial])
  const counted = call.int('count_include_pad', 0) === 1
  const given = call.ints('pads') ?? []
  const inner = windows.pads.map(([before, after], i): [number, number] => [
    before,
    Math.min(after, given[i + spatial.length] ?? after),
  ])
  const rest = windows.pads.map(([, after], i): [number, number] => [0, after - inner[i]![1]])
  const weights = padded(call, padded(call, ones, inner, counted ? 1 : 0), rest, 0)
  return call.like(tf.div(total, folded(call, weights, windows, 'add')))
}

function folded(call: Call, x: Tf.Tensor, windows: Parameters<typeof met>[2], how: 'maximum' | 'add'): Tf.Tensor {
  let all: Tf.Tensor | undefined
  for (const [, part] of met(call, x, windows)) all = all ? call.tf[how](all, part) : part
  return all!
}

function global(run: (call: Call, x: Tf.Tensor, axes: number[]) => Tf.Tensor): Row {
  return {
    run: (call) => {
      const x = call.x(0)
      return call.like(run(call, x, x.shape.map((_, axis) => axis).slice(2)))
    },
  }
}
