import type * as Tf from '@tensorflow/tfjs'
import type { Call } from '../call.ts'
import type { Value } from '../value.ts'
import type { Row, Rows } from './row.ts'
import { met, padded, windowsOf } from './windows.ts'

/** The largest element or the mean of each window, or of a whole channel. */
export const POOLING: Rows = {
  MaxPool: { run: maxPool },
  AveragePool: { run: averagePool },
  GlobalMaxPool: global((call, x, axes) => call.tf.max(x, axes, true)),
  GlobalAveragePool: global((call, x, axes) => call.tf.mean(x, axes, true)),
}

function maxPool(call: Call): Value {
  const x = call.x(0)
  const windows = windowsOf(call, call.ints('kernel_shape') ?? [], x.shape.slice(2))
  return call.like(folded(call, padded(call, x, windows.pads, Number.NEGATIVE_INFINITY), windows, 'maximum'))
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
