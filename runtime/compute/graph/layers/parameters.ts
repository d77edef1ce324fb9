import { userError } from '../../../base/index.ts'
import { nearest } from '../../../base/nearest.ts'
import type { NamedTensors, Tensor } from '../../../data/tensor/tensor.ts'
import type { GraphBuilder } from '../build/graph-builder.ts'
import { sameShape, shown } from '../build/shapes.ts'
import type { Value } from '../build/value.ts'
import { type Initializer, initialTensor } from './initializer.ts'

/**
 * What a parameter does, for optimisers that treat them differently: `weight` matrices and kernels, `bias`es, `gain`s of
 * norms, `embedding` tables.
 */
export type ParameterKind = 'weight' | 'bias' | 'gain' | 'embedding'

/** What a layer asks for. All parameters are `float32`. */
export interface ParameterSpec {
  readonly shape: readonly number[]
  /** Values to begin with, or how to make them. */
  readonly initial: Initializer | Tensor
  /** Default: `weight`. */
  readonly kind?: ParameterKind
  /** Fan in and out, where the shape does not tell. */
  readonly fans?: readonly [number, number]
  /** Whether training leaves it as it is. Default: what the layer's surroundings say, see `frozen()`. */
  readonly frozen?: boolean
}

/** A tensor of a model. */
export interface Parameter {
  /** Path of its layer and its own name: `dense_1/weight`. */
  readonly name: string
  readonly shape: readonly number[]
  readonly kind: ParameterKind
  /**
   * `parameter`: learned. `adapter`: learned, part of a low-rank adapter. `statistic`: not learned by a gradient, but
   * brought up to date by each step. `frozen`: never changed.
   */
  readonly role: 'parameter' | 'adapter' | 'statistic' | 'frozen'
  /** Its values before the first step. Made anew at each call: a large model does not hold them twice. */
  readonly initial: () => Tensor
  /** The graph's input that holds it. */
  readonly value: Value
}

/** What {@link Parameters} are made with. */
export interface ParametersInit {
  /** Whole number of up to 2^53 - 1. */
  readonly seed: number
  /** Values to begin with in place of what layers say, by name: of a model trained before, or of another framework. */
  readonly weights?: NamedTensors
}

/** The parameters of one graph, by name, in the order in which its layers asked for them. */
export class Parameters {
  readonly #g: GraphBuilder
  readonly #init: ParametersInit
  readonly #all = new Map<string, Parameter>()
  readonly #statistics = new Map<Parameter, Value>()

  constructor(g: GraphBuilder, init: ParametersInit) {
    this.#g = g
    this.#init = init
  }

  get all(): readonly Parameter[] {
    return [...this.#all.values()]
  }

  /** What a step makes of each statistic. */
  get statistics(): ReadonlyMap<Parameter, Value> {
    return this.#statistics
  }

  /**
   * The parameter of this name; layers that run twice in a graph get the same one. Throws `graph.shape` when it was asked
   * for in another shape before, or given weights of another one.
   */
  get(name: string, spec: ParameterSpec, role: Parameter['role']): Parameter {
    const known = this.#all.get(name)
    const { shape, kind = 'weight', fans } = spec
    const { seed } = this.#init
    if (known) {
      if (!sameShape(known.shape, shape))
        throw userError(
          'graph.shape',
          `${name}: expected the shape ${shown(known.shape)} that it has elsewhere, found ${shown(shape)}; a layer that is used twice takes inputs of one size`,
        )
      return known
    }
    if (!shape.every((dim) => Number.isInteger(dim) && dim > 0))
      throw userError('graph.shape', `${name}: expected whole sizes of at least 1, found ${shown(shape)}`)
    const begin = this.#init.weights?.[name] ?? spec.initial
    if (typeof begin !== 'function' && !(sameShape(begin.shape, shape) && begin.dtype === 'float32'))
      throw userError(
        'graph.shape',
        `${name}: expected weights float32 ${shown(shape)}, found ${begin.dtype} ${shown(begin.shape)}`,
      )
    const parameter: Parameter = {
      name,
      shape,
      kind,
      role,
      initial: () =>
        typeof begin === 'function' ? initialTensor(begin, { name, shape, seed, ...(fans && { fans }) }) : begin,
      value: this.#g.input(name, { dtype: 'float32', shape }),
    }
    this.#all.set(name, parameter)
    if (role === 'statistic') this.#statistics.set(parameter, parameter.value)
    return parameter
  }

  /** What a statistic is from here on. */
  update(parameter: Parameter, next: Value): void {
    this.#statistics.set(parameter, next)
  }

  /** Throws `graph.unknown-parameter` for weights that were given and not asked for by any layer. */
  checkWeights(): void {
    for (const name of Object.keys(this.#init.weights ?? {})) {
      if (this.#all.has(name)) continue
      const near = nearest(name, [...this.#all.keys()])
      throw userError(
        'graph.unknown-parameter',
        `expected weights by the names of the model's parameters, found ${name}, which it does not have${near === undefined ? '' : `; did you mean ${near}?`}`,
      )
    }
  }
}
