import type { Value } from '../build/value.ts'
import type { Scope } from './scope.ts'

/**
 * A piece of a model: makes one value of another, and asks its {@link Scope} for the parameters that it needs on the way.
 * Axis 0 of a value is the batch. A layer is a description: the same one used twice shares its parameters.
 */
export interface Layer {
  /** What it is called where it has no name: `dense` becomes `dense_1`, `dense_2`. */
  readonly kind: string
  readonly name?: string
  readonly build: (s: Scope, x: Value) => Value
}

/** A {@link Layer}, or a plain function that is one: `(s, x) => s.g.add(x, s.call(block, x))`. */
export type Piece = Layer | Layer['build']

/** Values by name. */
export type NamedValues = Readonly<Record<string, Value>>

/** A model of inputs by name, where one layer is not enough; gives one value, or several by name. */
export type Network = (s: Scope, inputs: NamedValues) => Value | NamedValues

/** What every layer may be given. */
export interface LayerOptions {
  /** Names it, in errors and in front of its parameters. Default: what it is, and a number. */
  readonly name?: string
}

/** Makes a layer. */
export function layer(kind: string, options: LayerOptions, build: Layer['build']): Layer {
  return { kind, ...(options.name !== undefined && { name: options.name }), build }
}
