import { elementCount } from '../../../data/tensor/check.ts'
import type { GradientContext, Operator, OperatorCall } from '../build/operator.ts'
import { reducedShape } from '../build/shapes.ts'
import type { TensorType, Value } from '../build/value.ts'
import { likeInput } from './inference.ts'

/** The axes a reduction runs over, counted from the front: all of them by default. */
export function reductionAxes(call: OperatorCall): number[] {
  const { shape } = call.input(0)
  const axes = call.known(1, 'the axes', [])
  if (axes.length === 0) return call.int('noop_with_empty_axes', 0) === 1 ? [] : shape.map((_, axis) => axis)
  return axes.map((axis) => call.axis(axis, shape.length))
}

function infer(call: OperatorCall): TensorType[] {
  const { dtype, shape } = call.input(0)
  return [{ dtype, shape: reducedShape(shape, reductionAxes(call), call.int('keepdims', 1) === 1) }]
}

/** A reduced value with the axes it lost put back, of size 1. */
function withAxes({ g, call, inputs }: GradientContext, value: Value): Value {
  return g.reshape(value, reducedShape(inputs[0]!.shape, reductionAxes(call), true))
}

function count({ call, inputs }: GradientContext): number {
  return elementCount(reductionAxes(call).map((axis) => inputs[0]!.shape[axis]!))
}

const operations = (call: OperatorCall) => elementCount(call.input(0).shape)

/** The extreme that several elements share gives each its part. */
function extreme(context: GradientContext): readonly Value[] {
  const { g, d, call, inputs, outputs } = context
  const x = inputs[0]!
  const chosen = g.cast(g.apply('Equal', [x, withAxes(context, outputs[0]!)]), d.dtype)
  return [g.mul(chosen, g.div(withAxes(context, d), g.sum(chosen, reductionAxes(call))))]
}

/** Reductions over axes, which an input names, and running sums. */
export const REDUCTION: Readonly<Record<string, Operator>> = {
  ReduceSum: {
    infer,
    operations,
    gradient: (context) => [context.g.expand(withAxes(context, context.d), context.inputs[0]!.shape)],
  },
  ReduceMean: {
    infer,
    operations,
    gradient: (context) => {
      const share = context.g.scale(withAxes(context, context.d), 1 / count(context))
      return [context.g.expand(share, context.inputs[0]!.shape)]
    },
  },
  ReduceSumSquare: {
    infer,
    operations,
    gradient: (context) => [context.g.mul(context.inputs[0]!, context.g.scale(withAxes(context, context.d), 2))],
  },
  ReduceL2: {
    infer,
    operations,
    gradient: (context) => {
      const { g, d, inputs, outputs } = context
      return [g.mul(inputs[0]!, withAxes(context, g.div(d, outputs[0]!)))]
    },
  },
  /** By the product over the factor: a factor of zero has no gradient that is a number. */
  ReduceProd: {
    infer,
    operations,
    gradient: (context) => {
      const { g, d, inputs, outputs } = context
      return [g.div(withAxes(context, g.mul(d, outputs[0]!)), inputs[0]!)]
    },
  },
  ReduceLogSumExp: {
    infer,
    operations: (call) => 4 * operations(call),
    gradient: (context) => {
      const { g, d, inputs, outputs } = context
      const share = g.apply('Exp', [g.sub(inputs[0]!, withAxes(context, outputs[0]!))])
      return [g.mul(share, withAxes(context, d))]
    },
  },
  CumSum: {
    infer: likeInput,
    operations,
    gradient: ({ g, d, call, inputs }) => [
      g.apply('CumSum', [d, inputs[1]], { ...call.attributes, reverse: call.int('reverse', 0) === 1 ? 0 : 1 }),
    ],
  },
  ReduceMax: { infer, operations, gradient: extreme },
  ReduceMin: { infer, operations, gradient: extreme },
}
