import { z } from 'zod'
import { tensorOf } from '../../../../../data/tensor/typed-array.ts'
import type { GraphBuilder } from '../../../build/graph-builder.ts'
import type { Attributes, Value } from '../../../build/value.ts'
import { type Arranged, asGiven, axisIn, given } from '../arrangement.ts'
import type { LayerBuild, LayerRule } from '../building.ts'
import type { LayerSpec } from '../layer-spec.ts'

type Activation = (g: GraphBuilder, x: Value) => Value

const operator =
  (op: string, attributes: Attributes = {}): Activation =>
  (g, x) =>
    g.apply(op, [x], attributes)

/** Activations of single elements, by their names without regard to case and underscores (tfjs-layers, activations.ts). */
const ELEMENTWISE: Readonly<Record<string, Activation>> = {
  linear: (_, x) => x,
  elu: operator('Elu'),
  gelu: operator('Gelu'),
  gelunew: operator('Gelu', { approximate: 'tanh' }),
  hardsigmoid: operator('HardSigmoid'),
  mish: operator('Mish'),
  relu: operator('Relu'),
  relu6: (g, x) => clipped(g, x, 0, 6),
  selu: operator('Selu'),
  sigmoid: operator('Sigmoid'),
  softplus: operator('Softplus'),
  softsign: operator('Softsign'),
  swish: operator('Swish'),
  tanh: operator('Tanh'),
}

/** Activations along an axis, the last unless a layer says otherwise. */
const ALONG_AXIS: Readonly<Record<string, string>> = { softmax: 'Softmax', logsoftmax: 'LogSoftmax' }

const activationSchema = z.looseObject({ activation: z.string().nullish() })

/** The activation that a layer ends with, as a function of its value. Throws `tfjs.unsupported`. */
export function activationOf(layer: LayerSpec): (b: { readonly g: GraphBuilder }, x: Arranged) => Arranged {
  const { activation } = layer.read(activationSchema)
  const name = (activation ?? 'linear').toLowerCase().replaceAll('_', '')
  const elementwise = ELEMENTWISE[name]
  if (elementwise) return ({ g }, x) => ({ ...x, value: elementwise(g, x.value) })
  const op = ALONG_AXIS[name]
  if (op) return ({ g }, x) => alongAxis(g, x, op, -1)
  throw layer.refuse(
    `an activation of ${[...Object.keys(ELEMENTWISE), ...Object.keys(ALONG_AXIS)].join(', ')}, found ${activation}`,
  )
}

/** Layers that are activations. */
export const ACTIVATION: Readonly<Record<string, LayerRule>> = {
  Activation: (layer) => {
    const activate = activationOf(layer)
    return (b, [x]) => activate(b, x!)
  },
  ReLU: (layer) => {
    const schema = z.looseObject({
      max_value: z.number().nullish(),
      negative_slope: z.number().nullish(),
      threshold: z.number().nullish(),
    })
    const { max_value: most, negative_slope: slope, threshold } = layer.read(schema)
    if (slope || threshold) throw layer.refuse('a plain ReLU, found a slope or threshold; use LeakyReLU')
    return elementwise((g, x) => (typeof most === 'number' ? clipped(g, x, 0, most) : g.apply('Relu', [x])))
  },
  LeakyReLU: (layer) => {
    const { alpha } = layer.read(z.looseObject({ alpha: z.number().default(0.3) }))
    return elementwise((g, x) => g.apply('LeakyRelu', [x], { alpha: { float: alpha } }))
  },
  ELU: (layer) => {
    const { alpha } = layer.read(z.looseObject({ alpha: z.number().default(1) }))
    return elementwise((g, x) => g.apply('Elu', [x], { alpha: { float: alpha } }))
  },
  ThresholdedReLU: (layer) => {
    const { theta } = layer.read(z.looseObject({ theta: z.number().default(1) }))
    return elementwise((g, x) => g.apply('ThresholdedRelu', [x], { alpha: { float: theta } }))
  },
  PReLU: (layer) => {
    const alpha = layer.weight('alpha', { kind: 'gain' })
    return (b, [x]) => given(b.g.apply('PRelu', [asGiven(b.g, x!), b.weight(alpha)]))
  },
  Softmax: (layer) => {
    const { axis } = layer.read(z.looseObject({ axis: z.int().default(-1) }))
    return ({ g }, [x]) => alongAxis(g, x!, 'Softmax', axis)
  },
  Rescaling: (layer) => {
    const { scale, offset } = layer.read(z.looseObject({ scale: z.number(), offset: z.number().default(0) }))
    return elementwise((g, x) => g.shift(g.scale(x, scale), offset))
  },
}

function elementwise(activation: Activation): LayerBuild {
  return ({ g }, [x]) => ({ ...x!, value: activation(g, x!.value) })
}

function alongAxis(g: GraphBuilder, x: Arranged, op: string, axis: number): Arranged {
  const rank = x.value.shape.length
  const own = axisIn(x, axis < 0 ? axis + rank : axis)
  return { ...x, value: g.apply(op, [x.value], { axis: own === rank - 1 ? -1 : own }) }
}

function clipped(g: GraphBuilder, x: Value, low: number, high: number): Value {
  const bound = (value: number) => g.constant(tensorOf(Float32Array.of(value), []))
  return g.apply('Clip', [x, bound(low), bound(high)])
}
