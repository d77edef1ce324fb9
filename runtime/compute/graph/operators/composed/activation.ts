import type { GraphBuilder } from '../../build/graph-builder.ts'
import type { Composite } from '../../build/operator.ts'
import type { Value } from '../../build/value.ts'

/** x * Phi(x), Phi the normal distribution function (Hendrycks and Gimpel, arXiv:1606.08415): its slope is Phi(x) + x phi(x). */
export function gelu(g: GraphBuilder, x: Value): Value {
  const share = g.scale(g.shift(g.apply('Erf', [g.scale(x, Math.SQRT1_2)]), 1), 0.5)
  return g.withGradient(g.mul(x, share), [x], (d) => {
    const bell = g.scale(g.apply('Exp', [g.scale(g.mul(x, x), -0.5)]), 1 / Math.sqrt(2 * Math.PI))
    return [g.mul(d, g.add(share, g.mul(x, bell)))]
  })
}

/** {@link gelu} by a tanh (ibid.), off by up to 5e-4: what GPT-2 was trained with. */
export function geluByTanh(g: GraphBuilder, x: Value): Value {
  const [slope, cubic] = [Math.sqrt(2 / Math.PI), 0.044715]
  const square = g.mul(x, x)
  const t = g.apply('Tanh', [g.mul(x, g.shift(g.scale(square, slope * cubic), slope))])
  const share = g.scale(g.shift(t, 1), 0.5)
  const y = g.mul(x, share)
  // The inner slope is `slope + 3 slope cubic x^2`, and 1 - t^2 is 4 share (1 - share).
  return g.withGradient(y, [x], (d) => {
    const steep = g.shift(g.scale(square, 6 * slope * cubic), 2 * slope)
    return [g.mul(d, g.add(share, g.mul(g.mul(y, rest(g, share)), steep)))]
  })
}

/** x * sigmoid(factor * x): SiLU with factor 1 (Elfwing, arXiv:1702.03118). */
export function swish(g: GraphBuilder, x: Value, factor = 1): Value {
  const share = g.apply('Sigmoid', [g.scale(x, factor)])
  const y = g.mul(x, share)
  return g.withGradient(y, [x], (d) => [g.mul(d, g.add(share, g.scale(g.mul(y, rest(g, share)), factor)))])
}

/** 1 - share. */
function rest(g: GraphBuilder, share: Value): Value {
  return g.sub(g.scalar(1, share.dtype), share)
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
