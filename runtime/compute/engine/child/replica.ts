import { createHash } from 'node:crypto'
import { type AividaError, userError } from '../../../base/errors.ts'
import type { Digest } from '../../../base/hash.ts'
import type { Compression, OuterStep } from '../../../protocol/update.ts'
import { compressorOf, decodeUpdate, encodeUpdate, outerStep } from '../../update/index.ts'
import type { Stepper } from '../stepper.ts'
import { protocol } from './frame.ts'
import type { ReplicaPart } from './messages.ts'

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

/** How an update is cut: where each slice ends. */
interface Cut {
  readonly ends: readonly number[]
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
  readonly #parts: { readonly momentum: Float32Array; readonly residual: Float32Array }

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
    this.#parts = { momentum: new Float32Array(length - plain), residual: new Float32Array(length - plain) }
    if (momentum) this.#fill('momentum', momentum)
  }

  /**
   * Applies the updates of rounds, a slice each, and begins from what they lead to: gives the SHA-256 over the shared
   * state and its momentum. Throws `update.*`; the replica is of no further use then.
   */
  merge(
    rounds: readonly (readonly Uint8Array[])[],
    { ends, compressed, outer }: Cut & { readonly compressed: Compression; readonly outer: OuterStep },
  ): Digest {
    this.#checkCut(ends)
    const compressor = compressorOf(compressed)
    const update = rounds.length > 0 ? new Float32Array(this.#theta.length) : new Float32Array()
    for (const slices of rounds) {
      let from = 0
      for (const [i, to] of ends.entries()) {
        decodeUpdate(compressor, slices[i]!, this.#plainIn(to), update.subarray(from, to))
        from = to
      }
      outerStep(this.#theta, this.#parts.momentum, update, outer, this.#plain)
    }
    for (const { tensor, from, to } of this.#places)
      this.#stepper.write(tensor, bytesOf(this.#theta.subarray(from, to)))
    return createHash('sha256').update(bytesOf(this.#theta)).update(bytesOf(this.#parts.momentum)).digest('hex')
  }

  /** What the steps since {@link merge} came to, compressed, a slice each. Throws `update.not-finite`. */
  contribute({ ends, compression }: Cut & { readonly compression: Compression }): Uint8Array[] {
    this.#checkCut(ends)
    const change = new Float32Array(this.#theta.length)
    const state = this.#stepper.state()
    for (const { tensor, from, to } of this.#places) {
      const { buffer, byteOffset } = state[tensor]!.data
      const present = new Float32Array(buffer, byteOffset, to - from)
      for (let i = from; i < to; i++) change[i] = this.#theta[i]! - present[i - from]!
    }
    return this.encode(change, { ends, compression })
  }

  /** Compresses an update of the whole shared state; what that leaves over goes with the next one. */
  encode(update: Float32Array, { ends, compression }: Cut & { readonly compression: Compression }): Uint8Array[] {
    const compressor = compressorOf(compression)
    return ends.map((to, i) => {
      const from = ends[i - 1] ?? 0
      const plain = this.#plainIn(to)
      return encodeUpdate(compressor, update.subarray(from, to), plain, this.#parts.residual.subarray(from, to - plain))
    })
  }

  /** Goes on from what compression left over at another time; zeros by default. */
  restore(residual?: Uint8Array): void {
    if (residual) this.#fill('residual', residual)
    else this.#parts.residual.fill(0)
  }

  /** The bytes of what it has beside the state: a view, good until the next change. */
  read(what: ReplicaPart): Uint8Array {
    return bytesOf(this.#parts[what])
  }

  #fill(what: ReplicaPart, bytes: Uint8Array): void {
    const values = bytesOf(this.#parts[what])
    if (bytes.byteLength !== values.byteLength) throw wrongLength(what, bytes.byteLength, values.byteLength)
    values.set(bytes)
  }

  /** Statistics are in the last slice. */
  #plainIn(end: number): number {
    return end === this.#theta.length ? this.#plain : 0
  }

  #checkCut(ends: readonly number[]): void {
    const rises = ends.every((end, i) => end > (ends[i - 1] ?? 0))
    if (!rises || ends.at(-1) !== this.#theta.length || (ends.at(-2) ?? 0) > this.#theta.length - this.#plain)
      throw userError(
        'update.slices',
        `expected slices that end at ${this.#theta.length}, the last one with all ${this.#plain} statistics; found ${ends.slice(0, 8).join(', ')}`,
      )
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function wrongLength(what: string, found: number, expected: number): AividaError {
  return userError('train.state', `expected ${expected} bytes of ${what}, found ${found}; the file is of another model`)
}
