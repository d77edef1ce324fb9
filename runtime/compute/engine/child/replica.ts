import { createHash } from 'node:crypto'
import type { Digest } from '../../../base/hash.ts'
import type { Compression, OuterStep } from '../../../protocol/update.ts'
import { outerStep } from '../../update/index.ts'
import type { Stepper } from '../stepper.ts'
import { protocol } from './frame.ts'
import type { ReplicaPart } from './messages.ts'
import { bytesOf, type Cut, fill, SlicedUpdates } from './sliced-updates.ts'

/** What a {@link Replica} is made of. */
export interface ReplicaInit {
  /** Whose state it follows. */
  readonly stepper: Stepper
  /** Which tensors of the state are shared, in the order in which they are flattened. */
  readonly shared: readonly number[]
  /** How many elements at the end are statistics: they have no momentum. */
  readonly plain: number
  /** Of the outer step, f32. Default: zeros. */
  readonly momentum?: Uint8Array
}

/**
 * The shared state of a training by rounds, as this member has it: what all replicas agree in to the bit, and what its own
 * updates have left over so far. The steps change the state of the stepper alone; it begins anew from the shared one
 * after each {@link merge}.
 */
export class Replica {
  readonly #stepper: Stepper
  /** Tensors of the state, and where they are in {@link #theta}. */
  readonly #places: readonly { readonly tensor: number; readonly from: number; readonly to: number }[]
  readonly #plain: number
  /** What is shared, flattened. */
  readonly #theta: Float32Array
  readonly #momentum: Float32Array
  readonly #updates: SlicedUpdates

  /** Takes what the stepper holds now for the shared state. Throws `engine.protocol` for tensors that cannot be shared. */
  constructor({ stepper, shared, plain, momentum }: ReplicaInit) {
    const state = stepper.state()
    let length = 0
    this.#places = shared.map((tensor) => {
      const found = state[tensor]
      if (found?.dtype !== 'float32') throw protocol('f32 tensors of the state')
      const from = length
      length += found.data.byteLength / 4
      return { tensor, from, to: length }
    })
    if (plain > length) throw protocol('statistics within the shared state')
    this.#stepper = stepper
    this.#plain = plain
    this.#theta = new Float32Array(length)
    for (const { tensor, from, to } of this.#places) bytesOf(this.#theta.subarray(from, to)).set(state[tensor]!.data)
    this.#momentum = new Float32Array(length - plain)
    this.#updates = new SlicedUpdates(length, plain)
    if (momentum) fill('momentum', this.#momentum, momentum)
  }

  /**
   * Applies the updates of rounds, a slice each, and begins from what they lead to: gives the SHA-256 over the shared
   * state and its momentum. Throws `update.*`; the replica is of no further use then.
   */
  merge(
    rounds: readonly (readonly Uint8Array[])[],
    { outer, ...form }: Cut & { readonly compressed: Compression; readonly outer: OuterStep },
  ): Digest {
    this.#updates.check(form.ends)
    const update = rounds.length > 0 ? new Float32Array(this.#theta.length) : new Float32Array()
    for (const [i, slices] of rounds.entries()) {
      this.#updates.decode(slices, form, update, i)
      outerStep(this.#theta, this.#momentum, update, outer, this.#plain)
    }
    for (const { tensor, from, to } of this.#places)
      this.#stepper.write(tensor, bytesOf(this.#theta.subarray(from, to)))
    return createHash('sha256').update(bytesOf(this.#theta)).update(bytesOf(this.#momentum)).digest('hex')
  }

  /** What the steps since {@link merge} came to, compressed, a slice each. Throws `update.not-finite`. */
  contribute(form: Cut & { readonly compression: Compression }): Uint8Array[] {
    const change = new Float32Array(this.#theta.length)
    const state = this.#stepper.state()
    for (const { tensor, from, to } of this.#places) {
      const { buffer, byteOffset } = state[tensor]!.data
      const present = new Float32Array(buffer, byteOffset, to - from)
      for (let i = from; i < to; i++) change[i] = this.#theta[i]! - present[i - from]!
    }
    return this.#updates.encode(change, form)
  }

  /** Goes on from what compression left over at another time; zeros by default. */
  restore(residual?: Uint8Array): void {
    this.#updates.restore(residual)
  }

  /** The bytes of what it has beside the state: a view, good until the next change. */
  read(what: ReplicaPart): Uint8Array {
    return what === 'momentum' ? bytesOf(this.#momentum) : this.#updates.residual
  }
}
