import type * as Tf from '@tensorflow/tfjs'
import type { Call } from '../call.ts'
import type { Tf as TfModule } from '../library.ts'
import type { Value } from '../value.ts'

/** How TensorFlow.js does what an operator of ONNX does (https://onnx.ai/onnx/operators/). Gives new tensors. */
export interface Row {
  /** Outputs that it can give. Default: 1. */
  readonly outputs?: number
  readonly run: (call: Call) => Value | readonly Value[]
}

/** Rows by operator. */
export type Rows = Readonly<Record<string, Row>>

/** An operator on each element of one float tensor. */
export function unary(run: (tf: TfModule, x: Tf.Tensor, call: Call) => Tf.Tensor): Row {
  return {
    run: (call) => {
      call.arithmetic(0)
      return call.like(run(call.tf, call.x(0), call))
    },
  }
}

/** An operator on the elements of two tensors, broadcast to each other. */
export function binary(run: (tf: TfModule, a: Tf.Tensor, b: Tf.Tensor, call: Call) => Tf.Tensor): Row {
  return {
    run: (call) => {
      call.arithmetic(0, 1)
      return call.like(run(call.tf, call.x(0), call.x(1), call))
    },
  }
}
