import type * as Tf from '@tensorflow/tfjs'
import type { Call } from '../call.ts'
import type { Value } from '../value.ts'
import type { Rows } from './row.ts'

/** Elements by their positions, and positions as elements. */
export const INDEXING: Rows = {
  Gather: {
    run: (call) => {
      const axis = call.axis(call.int('axis', 0), call.x(0).rank)
      const positions = fromFront(call, call.x(1), call.x(0).shape[axis]!)
      return call.like(call.tf.gather(call.x(0), positions as Tf.Tensor1D, axis))
    },
  },
  OneHot: { run: oneHot },
  Trilu: { run: trilu },
}

/** Positions that are counted from the end, from the front. */
function fromFront({ tf }: Call, positions: Tf.Tensor, count: number): Tf.Tensor {
  const whole = tf.cast(positions, 'int32')
  return tf.where(tf.less(whole, tf.scalar(0, 'int32')), tf.add(whole, tf.scalar(count, 'int32')), whole)
}

function oneHot(call: Call): Value {
  const { tf } = call
  const depth = call.numbers(1)[0]!
  const [off, on] = call.numbers(2) as readonly [number, number]
  const { dtype, tensor } = call.value(2)
  const ones = tf.oneHot(fromFront(call, call.x(0), depth), depth, on, off, tensor.dtype as 'float32')
  const axis = call.axis(call.int('axis', -1), ones.rank)
  const order = ones.shape.map((_, i) => i).slice(0, -1)
  order.splice(axis, 0, ones.rank - 1)
  return { dtype, tensor: tf.transpose(ones, order) }
}

/** The triangle above the k-th diagonal, or below it; zeros elsewhere. */
function trilu(call: Call): Value {
  const { tf } = call
  const x = call.x(0)
  const k = call.inputs[1] ? call.numbers(1)[0]! : 0
  const [rows, columns] = x.shape.slice(-2) as [number, number]
  const row = tf.expandDims(tf.range(0, rows, 1, 'int32'), 1)
  const column = tf.expandDims(tf.range(0, columns, 1, 'int32'), 0)
  const offset = tf.sub(column, row)
  const diagonal = tf.scalar(k, 'int32')
  const kept = call.int('upper', 1) === 1 ? tf.greaterEqual(offset, diagonal) : tf.lessEqual(offset, diagonal)
  return call.like(tf.where(tf.broadcastTo(kept, x.shape), x, tf.zerosLike(x)))
}
