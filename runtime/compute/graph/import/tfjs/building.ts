import type { GraphBuilder } from '../../build/graph-builder.ts'
import type { Value } from '../../build/value.ts'
import type { Scope } from '../../layers/scope.ts'
import type { Arranged } from './arrangement.ts'
import type { LayerSpec } from './layer-spec.ts'
import type { ImportedWeight } from './weights.ts'

/** What a layer makes of its inputs, once in each place where the model has it. */
export type LayerBuild = (b: Building, inputs: readonly Arranged[]) => Arranged

/** Reads a layer's settings and weights, and says how it is built. */
export type LayerRule = (layer: LayerSpec) => LayerBuild

/** A pass through an imported model: its weights are asked for once, however often a layer is used. */
export class Building {
  readonly s: Scope
  readonly #parameters = new Map<ImportedWeight, Value>()
  readonly #statistics = new Map<ImportedWeight, ReturnType<Scope['statistic']>>()

  constructor(s: Scope) {
    this.s = s
  }

  get g(): GraphBuilder {
    return this.s.g
  }

  /** A weight that is trained, or frozen as TensorFlow.js had it; its penalty becomes part of the loss. */
  weight(weight: ImportedWeight): Value {
    const known = this.#parameters.get(weight)
    if (known) return known
    const { name, tensor, kind, trained, penalty } = weight
    const { shape } = tensor
    const value = this.s.parameter(name, { shape, initial: tensor, kind, ...(!trained && { frozen: true }) })
    this.#parameters.set(weight, value)
    const { g } = this
    if (penalty && penalty.l1 !== 0)
      this.s.penalize(g.scale(g.sum(g.apply('Abs', [value]), undefined, false), penalty.l1))
    if (penalty && penalty.l2 !== 0)
      this.s.penalize(g.scale(g.apply('ReduceSumSquare', [value], { keepdims: 0 }), penalty.l2))
    return value
  }

  /** See {@link weight}. */
  weights(weights: readonly ImportedWeight[]): Value[] {
    return weights.map((weight) => this.weight(weight))
  }

  /** A weight that steps bring up to date by other means than a gradient. */
  statistic(weight: ImportedWeight): ReturnType<Scope['statistic']> {
    const { name, tensor } = weight
    const found = this.#statistics.get(weight) ?? this.s.statistic(name, { shape: tensor.shape, initial: tensor })
    this.#statistics.set(weight, found)
    return found
  }
}
