import { userError } from '../../../base/index.ts'
import type { GraphBuilder } from '../build/graph-builder.ts'
import { shown } from '../build/shapes.ts'
import type { Value } from '../build/value.ts'
import { fanInUniform, zeros } from './initializer.ts'
import type { Layer, Piece } from './layer.ts'
import type { Parameter, ParameterSpec, Parameters } from './parameters.ts'

/** What a pass through a model is for: dropout and batch norm differ. */
export type Mode = 'training' | 'inference'

/** Low-rank adapters of a pass, see `lora()`. */
export interface Adapting {
  readonly rank: number
  /** What their product counts. */
  readonly scale: number
  /** Whether the weight of this name has one. */
  readonly targets: (name: string) => boolean
}

/** A random 0/1 input that a pass takes. */
export interface MaskInput {
  readonly value: Value
  /** Probability of a one. */
  readonly keep: number
}

/** A weight and the two matrices whose product, times `scale`, is added to it: names of parameters. */
export interface Adapter {
  readonly weight: string
  readonly down: string
  readonly up: string
  readonly scale: number
  /** The weight is `[out, in]`. */
  readonly transposed: boolean
}

/** One pass of a model through a graph. */
export interface Pass {
  readonly g: GraphBuilder
  readonly mode: Mode
  readonly parameters: Parameters
  readonly masks: MaskInput[]
  /** Scalars that training adds to the loss. */
  readonly penalties: Set<Value>
  /** Those that were built, by their weight; undefined when weights have them merged in already. */
  readonly adapters: Map<string, Adapter> | undefined
  /** Where each layer stood first: it has its parameters there. */
  readonly places: Map<Layer, string>
}

/** What a place has from the places around it. */
export interface Surroundings {
  readonly frozen: boolean
  readonly adapting?: Adapting
}

/** A place in a model that is being built: what layers are written with. */
export class Scope {
  readonly #pass: Pass
  readonly #path: string
  readonly #surroundings: Surroundings
  readonly #taken = new Set<string>()

  constructor(pass: Pass, path = '', surroundings: Surroundings = { frozen: false }) {
    this.#pass = pass
    this.#path = path
    this.#surroundings = surroundings
  }

  /** The graph: its operators make values. */
  get g(): GraphBuilder {
    return this.#pass.g
  }

  get mode(): Mode {
    return this.#pass.mode
  }

  /** Where this is: `encoder/dense_1`. */
  get path(): string {
    return this.#path
  }

  /** The output of a layer for `x`, at a place named after the layer. Throws `graph.name-taken`. */
  call(piece: Piece, x: Value, name?: string): Value {
    if (typeof piece === 'function')
      return this.#at(this.#place(name, piece.name === '' ? 'layer' : piece.name), (s) => piece(s, x))
    const { places } = this.#pass
    const place = places.get(piece) ?? this.#place(name ?? piece.name, piece.kind)
    places.set(piece, place)
    return this.#at(place, (s) => piece.build(s, x))
  }

  /** A parameter of this place, to be learned unless it is frozen. */
  parameter(name: string, spec: ParameterSpec): Value {
    const frozen = spec.frozen ?? this.#surroundings.frozen
    return this.#parameter(name, spec, frozen ? 'frozen' : 'parameter').value
  }

  /**
   * The two matrices `[in, rank]` and `[rank, out]` of the weight `name`, and what their product counts; undefined where
   * it has none. `prefix`: of the matrices' names, where several weights stand in one place. `transposed`: the weight is
   * `[out, in]`.
   */
  adapterOf(
    name: string,
    [fanIn, fanOut]: readonly [number, number],
    { prefix = '', transposed = false }: { readonly prefix?: string; readonly transposed?: boolean } = {},
  ): { readonly down: Value; readonly up: Value; readonly scale: number } | undefined {
    const { adapting } = this.#surroundings
    const { adapters } = this.#pass
    const weight = this.#pathOf(name)
    if (!adapters || !adapting?.targets(weight)) return undefined
    const { rank, scale } = adapting
    // The product is 0 at first (Hu et al., section 4.1): training begins at the model as it was.
    const down = this.#parameter(`${prefix}lora_a`, { shape: [fanIn, rank], initial: fanInUniform }, 'adapter')
    const up = this.#parameter(`${prefix}lora_b`, { shape: [rank, fanOut], initial: zeros }, 'adapter')
    adapters.set(weight, { weight, down: down.name, up: up.name, scale, transposed })
    return { down: down.value, up: up.value, scale }
  }

  /** A tensor that steps bring up to date by other means than a gradient. What is frozen stays as it is. */
  statistic(name: string, spec: ParameterSpec): { readonly value: Value; readonly update: (next: Value) => void } {
    const { parameters } = this.#pass
    const parameter = this.#parameter(name, spec, this.isFrozen ? 'frozen' : 'statistic')
    return {
      value: parameters.statistics.get(parameter) ?? parameter.value,
      update: (next) => {
        if (parameter.role === 'statistic') parameters.update(parameter, next)
      },
    }
  }

  /** Whether what stands here is not to change. */
  get isFrozen(): boolean {
    return this.#surroundings.frozen
  }

  /** Zeros and ones, new ones for each step: ones with probability `keep`. `uint8` of this shape. */
  mask(name: string, shape: readonly number[], keep: number): Value {
    const { g, masks } = this.#pass
    const path = this.#pathOf(name)
    const again = masks.filter(({ value }) => value.name === path || value.name.startsWith(`${path}_`)).length
    const value = g.input(again === 0 ? path : `${path}_${again + 1}`, { dtype: 'uint8', shape })
    masks.push({ value, keep })
    return value
  }

  /** Adds a scalar to what training makes smaller: what large weights cost. It is no part of the evaluation's loss. */
  penalize(cost: Value): void {
    this.#pass.penalties.add(cost)
  }

  /** The same place, where parameters are not to change. */
  get frozen(): Scope {
    return new Scope(this.#pass, this.#path, { ...this.#surroundings, frozen: true })
  }

  /** The same place, where the parameters are frozen and some weights have adapters. */
  adapted(adapting: Adapting): Scope {
    return new Scope(this.#pass, this.#path, { frozen: true, adapting })
  }

  /** Throws `graph.shape` in words that name this place, unless `x` has this rank. */
  expectRank(x: Value, rank: number, axes: string): void {
    if (x.shape.length !== rank)
      throw userError('graph.shape', `${this.#path}: expected ${axes} (rank ${rank}), found shape ${shown(x.shape)}`, {
        layer: this.#path,
      })
  }

  #parameter(name: string, spec: ParameterSpec, role: Parameter['role']): Parameter {
    this.#take(name)
    return this.#pass.parameters.get(this.#pathOf(name), spec, role)
  }

  #at(path: string, build: (s: Scope) => Value): Value {
    const own = path.slice(path.lastIndexOf('/') + 1)
    return this.#pass.g.within(own, () => build(new Scope(this.#pass, path, this.#surroundings)))
  }

  /** A path for something here: of a name of its own, or numbered by what it is. */
  #place(name: string | undefined, kind: string): string {
    if (name !== undefined) {
      this.#take(name)
      return this.#pathOf(name)
    }
    for (let i = 1; ; i++) {
      if (this.#taken.has(`${kind}_${i}`)) continue
      this.#taken.add(`${kind}_${i}`)
      return this.#pathOf(`${kind}_${i}`)
    }
  }

  #take(name: string): void {
    if (this.#taken.has(name))
      throw userError(
        'graph.name-taken',
        `expected names that differ in ${this.#path === '' ? 'the model' : this.#path}, found ${name} twice; name one otherwise, or use one layer twice to share its parameters`,
      )
    this.#taken.add(name)
  }

  #pathOf(name: string): string {
    return this.#path === '' ? name : `${this.#path}/${name}`
  }
}
