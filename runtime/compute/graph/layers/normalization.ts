import { userError } from '../../../base/index.ts'
import { elementCount } from '../../../data/tensor/check.ts'
import { shown } from '../build/shapes.ts'
import type { Value } from '../build/value.ts'
import { ones, zeros } from './initializer.ts'
import { type Layer, type LayerOptions, layer } from './layer.ts'
import type { Scope } from './scope.ts'

/** Options of norms. */
export interface NormOptions extends LayerOptions {
  /** Added to the variance. Default: 1e-5. */
  readonly epsilon?: number
}

/** How running statistics follow those of the batches. */
export interface RunningOptions {
  /** Added to the variance. Default: 1e-5. */
  readonly epsilon?: number
  /** Share of the running statistics that stays at each step. Default: 0.9. */
  readonly momentum?: number
  /**
   * Whether the running variance follows sums divided by n - 1 (PyTorch) rather than n (Keras); batches are normalised by
   * the latter. Default: true.
   */
  readonly unbiased?: boolean
}

/** A mean or variance that steps bring up to date: what {@link Scope.statistic} gives. */
export type Statistic = ReturnType<Scope['statistic']>

/** What {@link batchNormalized} works with, each `[channels]`. */
export interface BatchNormParts {
  readonly gain: Value
  readonly bias: Value
  readonly mean: Statistic
  readonly variance: Statistic
}

/**
 * Each channel (axis 1) less its mean, over its deviation: of the batch in training, running ones in inference and where
 * it is frozen (Ioffe and Szegedy 2015, "Batch Normalization", algorithms 1 and 2). Statistics: `mean`, `variance`.
 */
export function batchNorm(options: NormOptions & RunningOptions = {}): Layer {
  return layer('batch_norm', options, (s, x) => {
    const [, channels] = x.shape
    if (channels === undefined)
      throw userError('graph.shape', `${s.path}: expected [batch, channels, ...], found shape ${shown(x.shape)}`)
    const shape = [channels]
    return batchNormalized(
      s,
      x,
      {
        gain: s.parameter('gain', { shape, initial: ones, kind: 'gain' }),
        bias: s.parameter('bias', { shape, initial: zeros, kind: 'bias' }),
        mean: s.statistic('mean', { shape, initial: zeros }),
        variance: s.statistic('variance', { shape, initial: ones }),
      },
      options,
    )
  })
}

/** {@link batchNorm} with parameters from elsewhere. */
export function batchNormalized(
  s: Scope,
  x: Value,
  { gain, bias, mean, variance }: BatchNormParts,
  { epsilon = 1e-5, momentum = 0.9, unbiased = true }: RunningOptions = {},
): Value {
  const { g } = s
  const attributes = { epsilon: { float: epsilon } }
  if (s.mode === 'inference' || s.isFrozen)
    return g.apply('BatchNormalization', [x, gain, bias, mean.value, variance.value], attributes)
  const axes = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]))
  const channelwise = (value: Value) => g.reshape(value, [x.shape[1]!, ...x.shape.slice(2).map(() => 1)])
  const count = elementCount(axes.map((axis) => x.shape[axis]!))
  const batchMean = g.mean(x, axes, false)
  const centred = g.sub(x, channelwise(batchMean))
  const squares = g.apply('ReduceSumSquare', [centred, g.integers(axes)], { keepdims: 0 })
  const batchVariance = g.scale(squares, 1 / count)
  const follow = (statistic: Statistic, batch: Value) =>
    statistic.update(g.add(g.scale(statistic.value, momentum), g.scale(batch, 1 - momentum)))
  follow(mean, batchMean)
  follow(variance, unbiased ? g.scale(squares, 1 / Math.max(1, count - 1)) : batchVariance)
  const y = g.apply('BatchNormalization', [x, gain, bias, batchMean, batchVariance], attributes)
  return g.withGradient(y, [x, gain, bias], (d, needs) => {
    const inverse = g.apply('Reciprocal', [g.sqrt(g.shift(batchVariance, epsilon))])
    const dBias = g.sum(d, axes, false)
    const along = g.sum(g.mul(d, centred), axes, false)
    const dx = () => {
      const slope = g.mul(gain, inverse)
      const pull = g.scale(g.mul(g.mul(slope, g.mul(inverse, inverse)), along), 1 / count)
      const shift = g.scale(g.mul(slope, dBias), 1 / count)
      return g.sub(g.sub(g.mul(d, channelwise(slope)), g.mul(centred, channelwise(pull))), channelwise(shift))
    }
    return [needs(0) ? dx() : undefined, g.mul(along, inverse), dBias]
  })
}

/** Along the last axis, less the mean and over the deviation (Ba, Kiros and Hinton 2016, "Layer Normalization"). */
export function layerNorm({ epsilon = 1e-5, ...options }: NormOptions = {}): Layer {
  return layer('layer_norm', options, (s, x) => {
    const shape = [x.shape.at(-1)!]
    const gain = s.parameter('gain', { shape, initial: ones, kind: 'gain' })
    const bias = s.parameter('bias', { shape, initial: zeros, kind: 'bias' })
    return s.g.apply('LayerNormalization', [x, gain, bias], { axis: -1, epsilon: { float: epsilon } })
  })
}

/** Along the last axis, over the root of the mean square (Zhang and Sennrich 2019, "Root Mean Square Layer Normalization"). */
export function rmsNorm({ epsilon = 1e-5, ...options }: NormOptions = {}): Layer {
  return layer('rms_norm', options, (s, x) => {
    const { g } = s
    const width = x.shape.at(-1)!
    const gain = s.parameter('gain', { shape: [width], initial: ones, kind: 'gain' })
    const square = g.scale(g.apply('ReduceSumSquare', [x, g.integers([-1])]), 1 / width)
    return g.mul(g.div(x, g.sqrt(g.shift(square, epsilon))), gain)
  })
}
