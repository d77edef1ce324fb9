import type * as Tf from '@tensorflow/tfjs'
import type { Tf as TfModule } from '../library.ts'
import type { Row, Rows } from './row.ts'

/** Comparisons and logic: results are `bool`. */
export const COMPARISON: Rows = {
  Equal: comparison((tf, a, b) => tf.equal(a, b)),
  Less: comparison((tf, a, b) => tf.less(a, b)),
  LessOrEqual: comparison((tf, a, b) => tf.lessEqual(a, b)),
  Greater: comparison((tf, a, b) => tf.greater(a, b)),
  GreaterOrEqual: comparison((tf, a, b) => tf.greaterEqual(a, b)),
  And: comparison((tf, a, b) => tf.logicalAnd(a, b)),
  Or: comparison((tf, a, b) => tf.logicalOr(a, b)),
  Xor: comparison((tf, a, b) => tf.notEqual(tf.cast(a, 'int32'), tf.cast(b, 'int32'))),
  Not: { run: (call) => ({ dtype: 'bool', tensor: call.tf.logicalNot(call.x(0)) }) },
  IsNaN: { run: (call) => ({ dtype: 'bool', tensor: call.tf.isNaN(call.x(0)) }) },
  IsInf: { run: (call) => ({ dtype: 'bool', tensor: call.tf.isInf(call.x(0)) }) },
  Where: { run: (call) => call.like(call.tf.where(call.x(0), call.x(1), call.x(2)), 1) },
}

function comparison(run: (tf: TfModule, a: Tf.Tensor, b: Tf.Tensor) => Tf.Tensor): Row {
  return { run: (call) => ({ dtype: 'bool', tensor: run(call.tf, call.x(0), call.x(1)) }) }
}
