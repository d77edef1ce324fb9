import type { GraphBuilder } from '../build/graph-builder.ts'
import type { Value } from '../build/value.ts'
import type { Parameter } from '../layers/parameters.ts'

/** A parameter to be changed, and what for. */
export interface Trained {
  readonly parameter: Parameter
  /** Of the loss with respect to it, clipped already. */
  readonly gradient: Value
}

/** What an optimiser has to work with, once a step. */
export interface Update {
  readonly g: GraphBuilder
  /** f32 scalar. */
  readonly learningRate: Value
  /** f32 scalar: 1 in the first step. Asked for by those alone that need it. */
  readonly step: () => Value
  /**
   * A tensor that is kept from step to step, zeros before the first: gives what it is now, and takes what it will be.
   * Default shape: the parameter's.
   */
  readonly state: (parameter: Parameter, name: string, next: (before: Value) => Value) => Value
}

/** How parameters follow their gradients, as graph: gives their next values, in their order. */
export type Optimizer = (update: Update, trained: readonly Trained[]) => readonly Value[]

/** What weight decay is for, unless told otherwise: weights and embeddings, not biases and the gains of norms. */
export function isDecaying({ kind }: Parameter): boolean {
  return kind === 'weight' || kind === 'embedding'
}
