import type * as Tf from '@tensorflow/tfjs'
import type { Call } from '../call.ts'
import type { Value } from '../value.ts'
import type { Rows } from './row.ts'

/** Parts of tensors, and tensors of parts. */
export const SLICING: Rows = {
  Concat: {
    run: (call) => {
      const tensors = call.inputs.map((_, i) => call.x(i))
      return call.like(call.tf.concat(tensors, call.axis(call.int('axis', 0), tensors[0]!.rank)))
    },
  },
  Split: { outputs: Number.POSITIVE_INFINITY, run: split },
  Slice: { run: slice },
  Pad: { run: pad },
}

function split(call: Call): readonly Value[] {
  const x = call.x(0)
  const axis = call.axis(call.int('axis', 0), x.rank)
  const parts = call.node.output.length
  const each = Math.ceil(x.shape[axis]! / parts)
  const equal = Array.from({ length: parts }, (_, i) => Math.min(each, x.shape[axis]! - i * each))
  const sizes = call.maybeNumbers(1) ?? call.ints('split') ?? equal
  return call.tf.split(x, [...sizes], axis).map((tensor) => call.like(tensor))
}

function slice(call: Call): Value {
  let x = call.x(0)
  const [starts, ends] = [call.numbers(1), call.numbers(2)]
  const axes = (call.maybeNumbers(3) ?? starts.map((_, i) => i)).map((axis) => call.axis(axis, x.rank))
  const steps = call.maybeNumbers(4) ?? starts.map(() => 1)
  const [begin, size] = [x.shape.map(() => 0), [...x.shape]]
  for (const [i, axis] of axes.entries()) {
    const [dim, step] = [x.shape[axis]!, steps[i]!]
    const count = (at: number) => (at < 0 ? at + dim : at)
    const clamp = (at: number, low: number, high: number) => Math.min(Math.max(at, low), high)
    const [low, high] = step > 0 ? [0, dim] : [-1, dim - 1]
    const from = clamp(count(starts[i]!), step > 0 ? 0 : 0, high)
    const to = clamp(count(ends[i]!), low, high)
    if (step === 1) {
      begin[axis] = from
      size[axis] = Math.max(0, to - from)
      continue
    }
    const length = Math.max(0, Math.ceil((to - from) / step))
    const positions = Int32Array.from({ length }, (_, j) => from + j * step)
    x = call.tf.gather(x, call.tf.tensor1d(positions, 'int32'), axis)
    size[axis] = length
  }
  return call.like(call.tf.slice(x, begin, size))
}

function pad(call: Call): Value {
  const { tf } = call
  const x = call.x(0)
  const pads = call.maybeNumbers(1) ?? call.ints('pads') ?? []
  const axes = (call.maybeNumbers(3) ?? x.shape.map((_, axis) => axis)).map((axis) => call.axis(axis, x.rank))
  const around = x.shape.map((): [number, number] => [0, 0])
  for (const [i, axis] of axes.entries()) around[axis] = [pads[i]!, pads[i + axes.length]!]
  const mode = call.text('mode', 'constant')
  const cropped = crop(call, x, around)
  const outer = around.map(([before, after]): [number, number] => [Math.max(0, before), Math.max(0, after)])
  if (mode === 'reflect') return call.like(tf.mirrorPad(cropped, outer, 'reflect'))
  if (mode !== 'constant') throw call.refuse(`the mode ${mode}`)
  return call.like(tf.pad(cropped, outer, call.inputs[2] ? call.numbers(2)[0]! : call.float('value', 0)))
}

/** What negative pads take away. */
function crop(call: Call, x: Tf.Tensor, around: readonly (readonly [number, number])[]): Tf.Tensor {
  if (around.every(([before, after]) => before >= 0 && after >= 0)) return x
  const begin = around.map(([before]) => Math.max(0, -before))
  const size = x.shape.map((dim, axis) => dim - begin[axis]! - Math.max(0, -around[axis]![1]))
  return call.tf.slice(x, begin, size)
}
