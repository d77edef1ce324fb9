import type { Digest } from '../../base/index.ts'

/** Where a replay first came to something else than what was recorded; `record`: what is recorded contradicts itself. */
export interface Difference {
  readonly what: 'metrics' | 'commitment' | 'state' | 'validation' | 'shard' | 'update' | 'aggregate' | 'record'
  /** The part of the result, which is the number of the shard, or of the round, in the record. */
  readonly part: number
  /** Counted from 1; of a commitment, the last of the steps that it covers. */
  readonly step?: number
  /** Of a training by rounds. */
  readonly round?: number
  readonly member?: number
  /** Of a measurement or a tensor. */
  readonly name?: string
  readonly expected: string
  readonly found: string
}

/** What was done again: all there is, unless less was asked for. */
export interface Compared {
  readonly classes: readonly string[]
  readonly steps: number
  readonly parts: number
  readonly of: number
  /** The last state that was compared. */
  readonly state: Digest
}

/** What a replay came to. */
export type Verdict =
  /** Computed in the class of the record; all hashes are equal. */
  | ({ readonly verdict: 'identical' } & Compared)
  /** So are those that there are, but the record lacks something: `lacks` says what, for people. */
  | ({ readonly verdict: 'incomplete'; readonly lacks: string } & Compared)
  /** Computed in another class, for a few steps at a time. */
  | {
      readonly verdict: 'within tolerance'
      readonly recorded: readonly string[]
      readonly here: string
      readonly checks: readonly SpotCheck[]
    }
  /** This machine has no device of the class; `part` is the first that was computed in it. */
  | {
      readonly verdict: 'class missing'
      readonly recorded: string
      readonly here: readonly string[]
      readonly part: number
    }
  | { readonly verdict: 'differs'; readonly at: Difference; readonly tensors?: readonly TensorDifference[] }

/** Some steps from a recorded state, computed in another class. */
export interface SpotCheck {
  /** Steps that led to the state. */
  readonly fromStep: number
  readonly steps: number
  /** The largest relative difference of a loss, and of the update where the state after these steps is recorded. */
  readonly loss: number
  readonly update?: number
}

/** How much a tensor differs. */
export interface TensorDifference {
  readonly name: string
  /** L2 norm of the difference over that of what was recorded. */
  readonly relative: number
}

/**
 * Steps that are compared across classes, and how far they may be apart. One operation differs by 6e-7 to 2e-6 from one
 * instruction set to another, and a training amplifies it: after 10 steps of Adam the weights of a CNN are 1e-5 apart, after
 * 100 steps 1e-2. A few steps from a recorded state say something; a whole run says nothing, so it is not compared.
 */
export const TOLERANCE = { steps: 5, relative: 1e-4 } as const
