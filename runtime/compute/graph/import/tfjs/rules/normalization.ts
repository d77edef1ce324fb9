import { z } from 'zod'
import { tensorOf } from '../../../../../data/tensor/typed-array.ts'
import type { Value } from '../../../build/value.ts'
import { dropout } from '../../../layers/dropout.ts'
import { batchNormalized } from '../../../layers/normalization.ts'
import { asGiven, channelsFirst, given, withChannelsFirst } from '../arrangement.ts'
import type { Building, LayerRule } from '../building.ts'
import type { LayerSpec } from '../layer-spec.ts'
import type { ImportedWeight } from '../weights.ts'

const normSchema = z.looseObject({
  axis: z.union([z.int(), z.array(z.int())]).default(-1),
  epsilon: z.number().default(1e-3),
  momentum: z.number().default(0.99),
  center: z.boolean().default(true),
  scale: z.boolean().default(true),
})

const dropoutSchema = z.looseObject({
  rate: z.number().min(0).lt(1),
  noise_shape: z.array(z.int().nullable()).nullish(),
})

/** Normalisations, with TensorFlow.js' defaults, and dropout. */
export const NORMALIZATION: Readonly<Record<string, LayerRule>> = {
  /**
   * Trained, it normalises by the batch even where `trainable` is false, as TensorFlow.js does; `frozen()` makes it use
   * the running statistics.
   */
  BatchNormalization: (layer) => {
    const { axis, epsilon, momentum, center, scale } = layer.read(normSchema)
    const { gamma, beta } = gainAndBias(layer, { center, scale })
    const mean = layer.weight('moving_mean')
    const variance = layer.weight('moving_variance')
    return (b, [x]) => {
      const { g, s } = b
      const rank = x!.value.shape.length
      const [own, ...more] = axesOf(axis, rank)
      const last = own === rank - 1
      if (more.length > 0 || !(own === 1 || last))
        throw layer.refuse(`to normalise along axis 1 or the last, found ${axis} of ${rank} axes`)
      const value = last ? withChannelsFirst(g, x!) : asGiven(g, x!)
      const size = [value.shape[1]!]
      const parts = {
        gain: vector(b, gamma, size, 1),
        bias: vector(b, beta, size, 0),
        mean: b.statistic(mean),
        variance: b.statistic(variance),
      }
      const y = batchNormalized(s, value, parts, { epsilon, momentum, unbiased: false })
      return last ? channelsFirst(y) : given(y)
    }
  },
  LayerNormalization: (layer) => {
    const { axis, epsilon, center, scale } = layer.read(normSchema)
    const { gamma, beta } = gainAndBias(layer, { center, scale })
    return (b, [x]) => {
      const { g } = b
      const value = asGiven(g, x!)
      const axes = axesOf(axis, value.shape.length)
      const first = Math.min(...axes)
      if (first === 0 || axes.length !== value.shape.length - first)
        throw layer.refuse(`to normalise along the last axes, found ${axes} of ${value.shape.length}`)
      const size = value.shape.slice(first)
      const inputs = [value, vector(b, gamma, size, 1), vector(b, beta, size, 0)]
      return given(
        g.apply('LayerNormalization', inputs, { axis: first - value.shape.length, epsilon: { float: epsilon } }),
      )
    }
  },
  Dropout: (layer) => {
    const { rate, noise_shape: noise } = layer.read(dropoutSchema)
    if (noise) return droppedTogether(layer, rate, (shape) => noise.map((dim, axis) => dim ?? shape[axis]!))
    const dropping = dropout(rate, { name: layer.name })
    return ({ s }, [x]) => ({ ...x!, value: s.call(dropping, x!.value) })
  },
  /** Whole channels are left out. */
  SpatialDropout1D: (layer) => {
    const { rate } = layer.read(dropoutSchema)
    return droppedTogether(layer, rate, ([batch, , channels]) => [batch!, 1, channels!])
  },
}

function gainAndBias(layer: LayerSpec, { center, scale }: { readonly center: boolean; readonly scale: boolean }) {
  return {
    gamma: scale ? layer.weight('gamma', { kind: 'gain' }) : undefined,
    beta: center ? layer.weight('beta', { kind: 'bias' }) : undefined,
  }
}

/** A weight, or the same number everywhere where the layer has none. */
function vector(b: Building, weight: ImportedWeight | undefined, shape: readonly number[], value: number): Value {
  if (weight) return b.weight(weight)
  const count = shape.reduce((product, dim) => product * dim, 1)
  return b.g.constant(tensorOf(new Float32Array(count).fill(value), shape))
}

function axesOf(axis: number | readonly number[], rank: number): number[] {
  const axes = typeof axis === 'number' ? [axis] : axis
  return axes.map((each) => (each < 0 ? each + rank : each)).sort((a, b) => a - b)
}

/** As dropout, where one draw decides for all elements along an axis of size 1 in the mask. */
function droppedTogether(
  layer: LayerSpec,
  rate: number,
  maskShape: (shape: readonly number[]) => readonly number[],
): ReturnType<LayerRule> {
  return ({ g, s }, [x]) => {
    if (s.mode === 'inference' || rate === 0) return x!
    const value = asGiven(g, x!)
    const kept = g.cast(s.mask(`${layer.name}/mask`, maskShape(value.shape), 1 - rate), 'float32')
    return given(g.mul(value, g.scale(kept, 1 / (1 - rate))))
  }
}
