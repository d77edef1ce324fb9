import type { Random } from '../../runtime/base/index.ts'
import {
  attention,
  averagePool,
  batchNorm,
  conv2d,
  crossEntropy,
  dense,
  depthwiseConv2d,
  dropout,
  embedding,
  flatten,
  gelu,
  geluTanh,
  globalAveragePool,
  globalMaxPool,
  type Layer,
  layerNorm,
  lora,
  maxPool,
  meanSquaredError,
  normal,
  positions,
  relu,
  residual,
  rmsNorm,
  sequential,
  sigmoid,
  silu,
  tanh,
} from '../../runtime/compute/graph/index.ts'
import type { Tensor } from '../../runtime/data/tensor/index.ts'
import { type ModelCase, weightedMean } from './model-gradients.ts'
import { someLabels, someTensor } from './trained-model.ts'

/** A model at random, what it is, and a batch for it: odd sizes, anything after anything that fits. */
export function randomModel(random: Random): { readonly what: string; readonly found: ModelCase } {
  const draw = new Draw(random)
  const batchSize = draw.number(1, 4)
  const kind = draw.one(['features', 'pictures', 'sequences', 'tokens'] as const)
  const sample = draw.sample(kind)
  const tokens = draw.number(3, 9)
  const middle: Layer[] =
    kind === 'tokens'
      ? [draw.told(`embedding(${tokens})`, embedding(tokens, draw.width, { initial: normal(0.5) }))]
      : []
  let shape = kind === 'tokens' ? [...sample, draw.width] : sample
  for (let left = draw.number(2, 6); left > 0; left--) {
    const [layer, after] = draw.layer(shape)
    middle.push(layer)
    shape = after
  }
  const outputs = draw.number(2, 5)
  const body = sequential([...middle, ...(shape.length === 3 ? [flatten()] : []), dense(outputs)])
  const model = draw.chance(0.25) ? draw.told('lora', lora(body, { rank: draw.number(1, 3), alpha: 2 })) : body
  const labelShape = shape.length === 2 ? [batchSize, shape[0]!] : [batchSize]
  const seed = draw.number(1, 1000)
  const x: Tensor =
    kind === 'tokens' ? someLabels([batchSize, ...sample], tokens, seed) : someTensor([batchSize, ...sample], seed)
  const loss = draw.one(['cross-entropy', 'squares', 'weighted'] as const)
  const labels =
    loss === 'squares' ? someTensor([...labelShape, outputs], seed + 1) : someLabels(labelShape, outputs, seed + 1)
  const inputs = {
    x: { dtype: x.dtype, shape: sample },
    labels: { dtype: labels.dtype, shape: labels.shape.slice(1) },
  }
  const losses = {
    'cross-entropy': crossEntropy({ smoothing: draw.one([0, 0.1]) }),
    squares: meanSquaredError(),
    weighted: weightedMean,
  }
  return {
    what: `${batchSize} x [${sample}] ${draw.said.join(', ')}, ${loss}`,
    found: {
      model,
      loss: losses[loss],
      inputs,
      batchSize,
      batch: { x, labels },
      seed,
      target: draw.one(['cpu', 'portable']),
    },
  }
}

class Draw {
  readonly said: string[] = []
  readonly #random: Random
  readonly width: number

  constructor(random: Random) {
    this.#random = random
    this.width = this.number(2, 8)
  }

  /** A whole number from `low` to `high`. */
  number(low: number, high: number): number {
    return low + Math.floor(this.#random.float() * (high - low + 1))
  }

  one<T>(choices: readonly T[]): T {
    return choices[this.number(0, choices.length - 1)]!
  }

  chance(share: number): boolean {
    return this.#random.float() < share
  }

  told(what: string, layer: Layer): Layer {
    this.said.push(what)
    return layer
  }

  sample(kind: 'features' | 'pictures' | 'sequences' | 'tokens'): number[] {
    switch (kind) {
      case 'features':
        return [this.number(2, 9)]
      case 'pictures':
        return [this.number(1, 4), this.number(3, 8), this.number(3, 8)]
      case 'sequences':
        return [this.number(1, 5), this.number(2, 8)]
      case 'tokens':
        return [this.number(1, 6)]
    }
  }

  /** A layer that fits a sample of this shape, and the shape after it. */
  layer(shape: readonly number[]): [Layer, number[]] {
    if (this.chance(0.2)) {
      const inner = this.keeping(shape)
      return [this.told('residual', residual([inner])), [...shape]]
    }
    const [channels, height, width] = shape as [number, number, number]
    if (shape.length < 3 || this.chance(0.4)) {
      if (shape.length < 3 && this.chance(0.5)) {
        const units = this.number(1, 9)
        return [this.told(`dense(${units})`, dense(units, { bias: this.chance(0.7) })), [...shape.slice(0, -1), units]]
      }
      return [this.keeping(shape), [...shape]]
    }
    if (this.chance(0.15)) return [this.told('global mean', globalAveragePool()), [channels]]
    if (this.chance(0.15)) return [this.told('global max', globalMaxPool()), [channels]]
    const kernel = [this.number(1, Math.min(3, height)), this.number(1, Math.min(3, width))] as const
    const stride = this.number(1, 2)
    const padding = this.one(['valid', 'same'] as const)
    const after = [height, width].map((size, i) =>
      padding === 'same' ? Math.ceil(size / stride) : Math.floor((size - kernel[i]!) / stride) + 1,
    )
    const how = { stride, padding }
    const said = `(${kernel}, stride ${stride}, ${padding})`
    if (this.chance(0.2)) return [this.told(`max pool${said}`, maxPool(kernel, how)), [channels, ...after]]
    if (this.chance(0.2)) return [this.told(`average pool${said}`, averagePool(kernel, how)), [channels, ...after]]
    if (this.chance(0.3)) {
      const multiplier = this.number(1, 2)
      const layer = depthwiseConv2d(kernel, { ...how, multiplier })
      return [this.told(`depthwise${said}`, layer), [channels * multiplier, ...after]]
    }
    const groups = this.one([1, 1, 2, 3].filter((count) => channels % count === 0))
    const filters = groups * this.number(1, 4)
    const layer = conv2d(filters, kernel, { ...how, groups, bias: this.chance(0.7) })
    return [this.told(`conv ${filters}${said} in ${groups}`, layer), [filters, ...after]]
  }

  /** A layer that keeps the shape. */
  keeping(shape: readonly number[]): Layer {
    const name = this.one(['activation', 'activation', 'norm', 'dropout', 'attention', 'batch norm'] as const)
    const size = shape.at(-1)!
    const last = shape.length < 3
    if (name === 'attention' && shape.length === 2) {
      const heads = this.one([1, 2, 3].filter((count) => size % count === 0))
      const causal = this.chance(0.5)
      return this.told(`attention(${heads}${causal ? ', causal' : ''})`, attention({ heads, causal }))
    }
    if (name === 'norm' && last && size > 1) {
      // A wide epsilon: where a norm is steep, differences say little.
      return this.chance(0.5)
        ? this.told('layer norm', layerNorm({ epsilon: 0.1 }))
        : this.told('rms norm', rmsNorm({ epsilon: 0.1 }))
    }
    if (name === 'batch norm') return this.told('batch norm', batchNorm({ epsilon: 0.1 }))
    if (name === 'dropout') return this.told('dropout', dropout(0.3))
    if (shape.length === 2 && this.chance(0.2)) return this.told('positions', positions())
    const activations = { relu, sigmoid, tanh, silu, gelu, geluTanh }
    const chosen = this.one(Object.keys(activations) as (keyof typeof activations)[])
    return this.told(chosen, activations[chosen]())
  }
}
