import { createHash } from 'node:crypto'
import type { Digest } from '../../../base/hash.ts'
import type { NamedTensors } from '../../../data/tensor/tensor.ts'
import type { Compression } from '../../../protocol/update.ts'
import type { SplitStepper } from '../split-stepper.ts'
import { protocol } from './frame.ts'
import type { ReplicaPart } from './messages.ts'
import { type Cut, SlicedUpdates } from './sliced-updates.ts'

/**
 * A replica whose updates are gradients: what is shared is the state itself, optimiser and all, and it changes when the
 * mean of all gradients comes back.
 */
export class GradientReplica {
  readonly #stepper: SplitStepper
  readonly #updates: SlicedUpdates
  /** Of one round, flattened. */
  readonly #update: Float32Array

  /** `plain`: elements of the flattened state that are statistics. */
  constructor(stepper: SplitStepper, plain: number) {
    this.#stepper = stepper
    this.#updates = new SlicedUpdates(stepper.length, plain)
    this.#update = new Float32Array(stepper.length)
  }

  /**
   * Makes a step of each round's mean gradient, a slice each, with the scalars of the step: gives the SHA-256 over the shared
   * state. Throws `update.*`, `engine.*`; the replica is of no further use then.
   */
  async merge(
    rounds: readonly (readonly Uint8Array[])[],
    { scalars, ...form }: Cut & { readonly compressed: Compression; readonly scalars: readonly NamedTensors[] },
  ): Promise<Digest> {
    this.#updates.check(form.ends)
    this.#stepper.forget()
    if (scalars.length !== rounds.length) throw protocol('the scalars of each round')
    for (const [i, slices] of rounds.entries()) {
      this.#updates.decode(slices, form, this.#update, i)
      await this.#stepper.apply(this.#update, scalars[i]!)
    }
    const hash = createHash('sha256')
    const state = this.#stepper.state()
    for (const tensor of this.#stepper.shared) hash.update(state[tensor]!.data)
    return hash.digest('hex')
  }

  /** The mean gradient of the batches since the last call, compressed, a slice each. Throws `update.not-finite`. */
  contribute(form: Cut & { readonly compression: Compression }): Uint8Array[] {
    return this.#updates.encode(this.#stepper.take(), form)
  }

  /** Goes on from what compression left over at another time; zeros by default. */
  restore(residual?: Uint8Array): void {
    this.#updates.restore(residual)
  }

  /** The bytes of what it has beside the state: it has no momentum of an outer step. */
  read(what: ReplicaPart): Uint8Array {
    return what === 'residual' ? this.#updates.residual : new Uint8Array()
  }
}
