import type * as Tf from '@tensorflow/tfjs'
import type { Call } from '../call.ts'
import type { Tf as TfModule } from '../library.ts'
import type { Row, Rows } from './row.ts'

/** Many elements to one, and what is built of that. */
export const REDUCTION: Rows = {
  ReduceSum: reduction((tf, x, axes, keep) => tf.sum(x, axes, keep)),
  ReduceMean: reduction((tf, x, axes, keep) => tf.mean(x, axes, keep)),
  ReduceMax: reduction((tf, x, axes, keep) => tf.max(x, axes, keep)),
  ReduceMin: reduction((tf, x, axes, keep) => tf.min(x, axes, keep)),
  ReduceProd: reduction((tf, x, axes, keep) => tf.prod(x, axes, keep)),
  ReduceL1: reduction((tf, x, axes, keep) => tf.sum(tf.abs(x), axes, keep)),
  ReduceL2: reduction((tf, x, axes, keep) => tf.sqrt(tf.sum(tf.square(x), axes, keep))),
  ReduceSumSquare: reduction((tf, x, axes, keep) => tf.sum(tf.square(x), axes, keep)),
  ReduceLogSumExp: reduction((tf, x, axes, keep) => tf.logSumExp(x, axes, keep)),
  ArgMax: chosen((tf, x, axis) => tf.argMax(x, axis)),
  ArgMin: chosen((tf, x, axis) => tf.argMin(x, axis)),
  Softmax: {
    run: (call) => {
      const [x, axis] = alongAxis(call)
      const powers = call.tf.exp(call.tf.sub(x, call.tf.max(x, axis, true)))
      return call.like(call.tf.div(powers, call.tf.sum(powers, axis, true)))
    },
  },
  LogSoftmax: {
    run: (call) => {
      const [x, axis] = alongAxis(call)
      const below = call.tf.sub(x, call.tf.max(x, axis, true))
      return call.like(call.tf.sub(below, call.tf.log(call.tf.sum(call.tf.exp(below), axis, true))))
    },
  },
  CumSum: {
    run: (call) => {
      call.arithmetic(0)
      const axis = call.axis(call.numbers(1)[0]!, call.x(0).rank)
      return call.like(call.tf.cumsum(call.x(0), axis, call.int('exclusive', 0) === 1, call.int('reverse', 0) === 1))
    },
  },
}

/** Axes are an attribute in older operator sets and an input in newer ones; without any, all of them. */
function reduction(run: (tf: TfModule, x: Tf.Tensor, axes: number[] | undefined, keep: boolean) => Tf.Tensor): Row {
  return {
    run: (call) => {
      call.arithmetic(0)
      const x = call.x(0)
      const axes = call.maybeNumbers(1) ?? call.ints('axes') ?? []
      if (axes.length === 0 && call.int('noop_with_empty_axes', 0) === 1) return call.like(call.tf.clone(x))
      const wanted = axes.length === 0 ? undefined : axes.map((axis) => call.axis(axis, x.rank))
      return call.like(call.tf.cast(run(call.tf, x, wanted, call.int('keepdims', 1) === 1), x.dtype))
    },
  }
}

/** The position of one element on an axis; the first of equal ones. */
function chosen(run: (tf: TfModule, x: Tf.Tensor, axis: number) => Tf.Tensor): Row {
  return {
    run: (call) => {
      if (call.int('select_last_index', 0) === 1) throw call.refuse('select_last_index')
      const axis = call.axis(call.int('axis', 0), call.x(0).rank)
      const found = run(call.tf, call.x(0), axis)
      return { dtype: 'int64', tensor: call.int('keepdims', 1) === 1 ? call.tf.expandDims(found, axis) : found }
    },
  }
}

function alongAxis(call: Call): [Tf.Tensor, number] {
  const x = call.x(0)
  return [x, call.axis(call.int('axis', -1), x.rank)]
}
