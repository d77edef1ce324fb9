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
export const silu = activation('silu', (g, x) => g.apply('Swish', [x]))

/** x Phi(x), by the error function (Hendrycks and Gimpel 2016, "Gaussian Error Linear Units", section 2). */
export const gelu = activation('gelu', (g, x) => g.apply('Gelu', [x]))

/** {@link gelu} by a hyperbolic tangent (the same paper): what GPT-2 was trained with. */
export const geluTanh = activation('gelu_tanh', (g, x) => g.apply('Gelu', [x], { approximate: 'tanh' }))

/** Shares of 1 along the last axis. */
export const softmax = activation('softmax', (g, x) => g.apply('Softmax', [x], { axis: -1 }))
