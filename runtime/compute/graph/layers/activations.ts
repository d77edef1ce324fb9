import type { GraphBuilder } from '../build/graph-builder.ts'
import type { Value } from '../build/value.ts'
import { type Layer, type LayerOptions, layer } from './layer.ts'

const activation =
  (kind: string, compute: (g: GraphBuilder, x: Value) => Value) =>
  (options: LayerOptions = {}): Layer =>
    layer(kind, options, (s, x) => compute(s.g, x))

/** max(x, 0). */
export const relu = activation('relu', (g, x) => g.apply('Relu', [x]))

/** 1 / (1 + e^-x). */
export const sigmoid = activation('sigmoid', (g, x) => g.apply('Sigmoid', [x]))

/** The hyperbolic tangent. */
export const tanh = activation('tanh', (g, x) => g.apply('Tanh', [x]))

/** x sigmoid(x) (Elfwing, Uchibe and Doya 2018, "Sigmoid-weighted linear units", equation 1). */
export const silu = activation('silu', siluOf)

/** x Phi(x), by the error function (Hendrycks and Gimpel 2016, "Gaussian Error Linear Units", section 2). */
export const gelu = activation('gelu', geluOf)

/** {@link gelu} by a hyperbolic tangent (the same paper): what GPT-2 was trained with. */
export const geluTanh = activation('gelu_tanh', geluTanhOf)

/** Shares of 1 along the last axis. */
export const softmax = activation('softmax', (g, x) => g.apply('Softmax', [x], { axis: -1 }))

/** See {@link silu}. Its gradient in four operators. */
export function siluOf(g: GraphBuilder, x: Value): Value {
  const share = g.apply('Sigmoid', [x])
  const y = g.mul(x, share)
  return g.withGradient(y, [x], (d) => [g.mul(d, g.add(share, g.mul(y, g.sub(g.scalar(1, x.dtype), share))))])
}

/** See {@link gelu}. Its gradient is Phi(x) + x phi(x). */
export function geluOf(g: GraphBuilder, x: Value): Value {
  const share = g.scale(g.shift(g.apply('Erf', [g.scale(x, Math.SQRT1_2)]), 1), 0.5)
  return g.withGradient(g.mul(x, share), [x], (d) => {
    const bell = g.scale(g.apply('Exp', [g.scale(g.mul(x, x), -0.5)]), 1 / Math.sqrt(2 * Math.PI))
    return [g.mul(d, g.add(share, g.mul(x, bell)))]
  })
}

/** See {@link geluTanh}. */
export function geluTanhOf(g: GraphBuilder, x: Value): Value {
  const [slope, cubic] = [Math.sqrt(2 / Math.PI), 0.044715]
  const square = g.mul(x, x)
  const t = g.apply('Tanh', [g.mul(x, g.shift(g.scale(square, slope * cubic), slope))])
  const share = g.scale(g.shift(t, 1), 0.5)
  const y = g.mul(x, share)
  // t' = (1 - t^2) (slope + 3 slope cubic x^2), and (1 - t^2) / 2 = 2 share (1 - share).
  return g.withGradient(y, [x], (d) => {
    const steep = g.shift(g.scale(square, 6 * slope * cubic), 2 * slope)
    return [g.mul(d, g.add(share, g.mul(g.mul(y, g.sub(g.scalar(1, x.dtype), share)), steep)))]
  })
}
