import type { GraphBuilder } from '../build/graph-builder.ts'
import type { Operator } from '../build/operator.ts'
import type { Value } from '../build/value.ts'
import { broadcastInputs, likeFloatInput } from './inference.ts'

/** Activation functions that ONNX has as operators. GELU and SiLU are built of others (see the layers). */
export const ACTIVATION: Readonly<Record<string, Operator>> = {
  // A comparison and a cast: vector loops both, as Sign is not.
  Relu: {
    infer: likeFloatInput,
    gradient: ({ g, d, outputs: [y] }) => [g.mul(d, g.cast(g.apply('Greater', [y, g.scalar(0, d.dtype)]), d.dtype))],
  },
  Sigmoid: {
    infer: likeFloatInput,
    gradient: ({ g, d, outputs: [y] }) => [g.mul(d, g.mul(y!, g.sub(g.scalar(1, d.dtype), y!)))],
    operations: (call) => 4 * elements(call.input(0)),
  },
  Tanh: {
    infer: likeFloatInput,
    gradient: ({ g, d, outputs: [y] }) => [g.mul(d, g.sub(g.scalar(1, d.dtype), g.mul(y!, y!)))],
    operations: (call) => 4 * elements(call.input(0)),
  },
  Softplus: { infer: likeFloatInput, gradient: ({ g, d, inputs }) => [g.mul(d, g.apply('Sigmoid', [inputs[0]]))] },
  LeakyRelu: {
    infer: likeFloatInput,
    gradient: ({ g, d, call, inputs: [x] }) => [selected(g, d, x!, call.float('alpha', 0.01))],
  },
  Elu: {
    infer: likeFloatInput,
    gradient: ({ g, d, call, inputs: [x], outputs: [y] }) => {
      const positive = g.cast(g.apply('Greater', [x, g.scalar(0, d.dtype)]), d.dtype)
      const slope = g.add(y!, g.scalar(call.float('alpha', 1), d.dtype))
      return [g.mul(d, g.add(positive, g.mul(g.sub(g.scalar(1, d.dtype), positive), slope)))]
    },
  },
  HardSigmoid: {
    infer: likeFloatInput,
    gradient: ({ g, d, call, outputs: [y] }) => {
      const inside = g.mul(g.apply('Sign', [y]), g.apply('Sign', [g.sub(g.scalar(1, d.dtype), y!)]))
      return [g.scale(g.mul(d, inside), call.float('alpha', 0.2))]
    },
  },
  PRelu: {
    infer: (call) => broadcastInputs(call),
    gradient: ({ g, d, inputs, needs }) => {
      const [x, slope] = inputs as [Value, Value]
      const positive = g.cast(g.apply('Greater', [x, g.scalar(0, d.dtype)]), d.dtype)
      const negative = g.sub(g.scalar(1, d.dtype), positive)
      return [
        needs(0) ? g.mul(d, g.add(positive, g.mul(negative, slope))) : undefined,
        needs(1) ? g.unbroadcast(g.mul(d, g.mul(negative, x)), slope.shape) : undefined,
      ]
    },
  },
}

function selected(g: GraphBuilder, d: Value, x: Value, slope: number): Value {
  const positive = g.cast(g.apply('Greater', [x, g.scalar(0, d.dtype)]), d.dtype)
  return g.mul(d, g.shift(g.scale(positive, 1 - slope), slope))
}

function elements({ shape }: Value): number {
  return shape.reduce((count, dim) => count * dim, 1)
}
