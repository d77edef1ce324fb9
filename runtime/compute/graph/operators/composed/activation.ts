import type { GraphBuilder } from '../../build/graph-builder.ts'
import type { Composite } from '../../build/operator.ts'
import type { Value } from '../../build/value.ts'

/** x * Phi(x), Phi the normal distribution function (Hendrycks and Gimpel, arXiv:1606.08415). */
export function gelu(g: GraphBuilder, x: Value): Value {
  const bell = g.shift(g.apply('Erf', [g.scale(x, Math.SQRT1_2)]), 1)
  return g.mul(g.scale(x, 0.5), bell)
}

/** {@link gelu} by a tanh (ibid.), off by up to 5e-4. */
export function geluByTanh(g: GraphBuilder, x: Value): Value {
  const cubic = g.mul(x, g.shift(g.scale(g.mul(x, x), 0.044715), 1))
  const bell = g.shift(g.apply('Tanh', [g.scale(cubic, Math.sqrt(2 / Math.PI))]), 1)
  return g.mul(g.scale(x, 0.5), bell)
}

/** x * sigmoid(factor * x): SiLU with factor 1 (Elfwing, arXiv:1702.03118). */
export function swish(g: GraphBuilder, x: Value, factor = 1): Value {
  return g.mul(x, g.apply('Sigmoid', [g.scale(x, factor)]))
}

/** Activation functions built of others. */
export const COMPOSED_ACTIVATION: Readonly<Record<string, Composite>> = {
  Gelu: (g, call) => [(call.text('approximate', 'none') === 'tanh' ? geluByTanh : gelu)(g, call.input(0))],
  FastGelu: (g, call) => [geluByTanh(g, call.has(1) ? g.add(call.input(0), call.input(1)) : call.input(0))],
  BiasGelu: (g, call) => [gelu(g, g.add(call.input(0), call.input(1)))],
  QuickGelu: (g, call) => [swish(g, call.input(0), call.float('alpha', 1.702))],
  Swish: (g, call) => [swish(g, call.input(0), call.float('alpha', 1))],
  HardSwish: (g, call) => [
    g.mul(call.input(0), g.apply('HardSigmoid', [call.input(0)], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } })),
  ],
  Mish: (g, call) => [g.mul(call.input(0), g.apply('Tanh', [g.apply('Softplus', [call.input(0)])]))],
  Selu: (g, call) => {
    const elu = g.apply('Elu', [call.input(0)], { alpha: { float: call.float('alpha', 1.6732631921768188) } })
    return [g.scale(elu, call.float('gamma', 1.0507010221481323))]
  },
  Celu: (g, call) => {
    const alpha = call.float('alpha', 1)
    return [g.scale(g.apply('Elu', [g.scale(call.input(0), 1 / alpha)]), alpha)]
  },
  Softsign: (g, call) => [g.div(call.input(0), g.shift(g.apply('Abs', [call.input(0)]), 1))],
  ThresholdedRelu: (g, call) => {
    const x = call.input(0)
    const above = g.apply('Greater', [x, g.scalar(call.float('alpha', 1), x.dtype)])
    return [g.mul(x, g.cast(above, x.dtype))]
  },
}
