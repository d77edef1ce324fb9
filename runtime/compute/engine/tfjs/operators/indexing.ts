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
  GatherElements: {
    run: (call) => {
      const positions = coordinates(call, call.x(1), call.axis(call.int('axis', 0), call.x(0).rank))
      return call.like(call.tf.reshape(call.tf.gatherND(call.x(0), positions), call.x(1).shape))
    },
  },
  GatherND: {
    run: (call) => {
      if (call.int('batch_dims', 0) !== 0) throw call.refuse('batch_dims')
      return call.like(call.tf.gatherND(call.x(0), counted(call, call.x(1), call.x(0).shape)))
    },
  },
  ScatterElements: {
    run: (call) => {
      const positions = coordinates(call, call.x(1), call.axis(call.int('axis', 0), call.x(0).rank))
      return scattered(call, positions, call.tf.reshape(call.x(2), [-1]))
    },
  },
  ScatterND: { run: (call) => scattered(call, counted(call, call.x(1), call.x(0).shape), call.x(2)) },
  OneHot: { run: oneHot },
  Trilu: { run: trilu },
}

/** Positions that are counted from the end, from the front. */
function fromFront({ tf }: Call, positions: Tf.Tensor, count: number): Tf.Tensor {
  const whole = tf.cast(positions, 'int32')
  return tf.where(tf.less(whole, tf.scalar(0, 'int32')), tf.add(whole, tf.scalar(count, 'int32')), whole)
}

/** Positions in several axes, `[..., axes]`, each counted from the front. */
function counted({ tf }: Call, positions: Tf.Tensor, shape: readonly number[]): Tf.Tensor {
  const whole = tf.cast(positions, 'int32')
  const sizes = tf.tensor1d(shape.slice(0, positions.shape.at(-1)), 'int32')
  return tf.where(tf.less(whole, tf.scalar(0, 'int32')), tf.add(whole, sizes), whole)
}

/** Where each element of `positions` points to: itself on one axis, its own place on the others; `[elements, rank]`. */
function coordinates(call: Call, positions: Tf.Tensor, axis: number): Tf.Tensor {
  const { tf } = call
  const { shape } = positions
  const along = shape.map((size, each) => {
    if (each === axis) return fromFront(call, positions, call.x(0).shape[axis]!)
    const places = tf.range(0, size, 1, 'int32')
    return tf.broadcastTo(
      tf.reshape(
        places,
        shape.map((_, i) => (i === each ? size : 1)),
      ),
      shape,
    )
  })
  return tf.reshape(tf.stack(along, -1), [-1, shape.length])
}

/** The first input with other elements at some positions, or with more at them. */
function scattered(call: Call, positions: Tf.Tensor, updates: Tf.Tensor): Value {
  const { tf } = call
  const x = call.x(0)
  const reduction = call.text('reduction', 'none')
  if (reduction === 'none') return call.like(tf.tensorScatterUpdate(x, positions, updates))
  if (reduction !== 'add') throw call.refuse(`the reduction ${reduction}`)
  call.arithmetic(0)
  return call.like(tf.add(x, tf.scatterND(positions, updates, x.shape)))
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
