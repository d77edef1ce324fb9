import { elementCount } from '../../../data/tensor/check.ts'
import type { Operator, OperatorCall } from '../build/operator.ts'
import { likeFloatInput } from './inference.ts'

const axisOf = (call: OperatorCall) => call.axis(call.int('axis', -1), call.input(0).shape.length)
const operations = (call: OperatorCall) => 5 * elementCount(call.input(0).shape)

/** Softmax along one axis, and its logarithm. */
export const SOFTMAX: Readonly<Record<string, Operator>> = {
  Softmax: {
    infer: likeFloatInput,
    operations,
    gradient: ({ g, d, call, outputs: [y] }) => [g.mul(y!, g.sub(d, g.sum(g.mul(d, y!), [axisOf(call)])))],
  },
  LogSoftmax: {
    infer: likeFloatInput,
    operations,
    gradient: ({ g, d, call, inputs: [x] }) => {
      const axis = axisOf(call)
      return [g.sub(d, g.mul(g.apply('Softmax', [x], { axis }), g.sum(d, [axis])))]
    },
  },
}
