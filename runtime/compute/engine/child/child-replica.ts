import type { Digest } from '../../../base/hash.ts'
import { limit } from '../../../base/limits.ts'
import type { Aggregation, Compression, OuterStep } from '../../../protocol/update.ts'
import type { EngineChild } from './engine-child.ts'
import { protocol } from './frame.ts'
import type { ReplicaPart, Request } from './messages.ts'
import type { Content } from './tensor-source.ts'

/** What makes a training a replica. */
export interface ReplicaBeginning {
  /** Which tensors of the state are shared, in the order in which they are flattened, parameters before statistics. */
  readonly shared: readonly number[]
  /** Elements of the flattened state. */
  readonly length: number
  /** Of which the last are statistics. */
  readonly plain: number
  /** Of the outer step: `length - plain` f32. Default: zeros. */
  readonly momentum?: Content
}

/** Rounds to apply: the updates of each, a slice each. */
export interface MergedRounds {
  readonly rounds: readonly (readonly Uint8Array[])[]
  readonly ends: readonly number[]
  readonly compressed: Compression
  readonly outer: OuterStep
  /** Of gradients: the scalars of the step that each round makes, f32. */
  readonly scalars?: readonly Readonly<Record<string, number>>[]
}

/** How what a replica gives is cut and compressed. */
export interface ContributionForm {
  readonly ends: readonly number[]
  readonly compression: Compression
}

/** One slice of a round, all contributions of it. */
export interface SliceReduction {
  readonly contributions: readonly { readonly member: number; readonly weight: number; readonly bytes: Uint8Array }[]
  readonly length: number
  readonly plain: number
  readonly aggregation: Aggregation
  readonly compressed: Compression
  readonly compression: Compression
  /** What compression left over before: f32, as many as are compressed. */
  readonly residual?: Uint8Array
}

/** What a {@link SliceReduction} came to. */
export interface ReducedSlice {
  readonly update: Uint8Array
  /** What compression left over, f32; absent where nothing is. */
  readonly residual?: Uint8Array
}

/** Bytes that are asked for at once. */
const READ_BYTES = 8 << 20

/** A training in a child that is one of many replicas of a shared state. */
export class ChildReplica {
  readonly #child: EngineChild
  readonly #session: number
  readonly #partBytes: number

  private constructor(child: EngineChild, session: number, { length, plain }: ReplicaBeginning) {
    this.#child = child
    this.#session = session
    this.#partBytes = 4 * (length - plain)
  }

  /** Takes what the training holds now for the shared state. Throws `engine.*`. */
  static async begin(
    child: EngineChild,
    session: number,
    init: ReplicaBeginning,
    signal?: AbortSignal,
  ): Promise<ChildReplica> {
    const { shared, plain, momentum } = init
    const request: Request = { op: 'begin-replica', session, shared, plain, momentum: momentum !== undefined }
    await child.ask(request, 'handing over the outer momentum', {
      ...(momentum && { partBytes: [momentum.sizeBytes], content: () => momentum.content(signal) }),
      signal,
    })
    return new ChildReplica(child, session, init)
  }

  /**
   * Applies rounds, and has the state begin from there. Gives the SHA-256 over the shared state, then its momentum. Throws
   * `update.malformed`, `update.not-finite`, `update.compression`, `update.slices`; the replica is of no further use then.
   */
  async merge({ rounds, ...how }: MergedRounds, signal?: AbortSignal): Promise<Digest> {
    const request: Request = { op: 'merge', session: this.#session, rounds: rounds.length, ...how }
    const { header } = await this.#child.ask(request, 'applying updates', { parts: rounds.flat(), signal })
    if (header.op !== 'merged') throw protocol('a hash of the shared state')
    return header.commitment
  }

  /** What the steps since came to, a slice each; what compression leaves over is kept. Throws `update.not-finite`, `update.compression`. */
  async contribute({ ends, compression }: ContributionForm, signal?: AbortSignal): Promise<readonly Uint8Array[]> {
    const request: Request = { op: 'contribute', session: this.#session, ends, compression }
    const { header, parts } = await this.#child.ask(request, 'making an update', { signal })
    if (header.op !== 'updates' || parts.length !== ends.length) throw protocol('an update for each slice')
    return parts
  }

  /** Goes on from other tensors of the state, by their numbers, and from what compression left over then; by default zeros. */
  async restore(
    tensors: readonly (Content & { readonly tensor: number })[],
    residual: Content | undefined,
    signal?: AbortSignal,
  ): Promise<void> {
    const sources = residual ? [...tensors, residual] : tensors
    const request: Request = {
      op: 'restore',
      session: this.#session,
      tensors: tensors.map(({ tensor }) => tensor),
      residual: residual !== undefined,
    }
    await this.#child.ask(request, 'handing over the inner state', {
      partBytes: sources.map(({ sizeBytes }) => sizeBytes),
      content: async function* () {
        for (const { content } of sources) yield* content(signal)
      },
      limitMs: limit('engineLoadMs'),
      signal,
    })
  }

  /** The bytes of what it has beside the state, in order. */
  async *read(what: ReplicaPart, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    for (let offset = 0; offset < this.#partBytes; offset += READ_BYTES) {
      const length = Math.min(READ_BYTES, this.#partBytes - offset)
      const request: Request = { op: 'read-replica', session: this.#session, what, offset, length }
      const { header, parts } = await this.#child.ask(request, 'reading the replica', { signal })
      const [bytes] = parts
      if (header.op !== 'state' || bytes?.byteLength !== length) throw protocol('bytes of the replica')
      yield bytes
    }
  }
}

/** Has a child make one update of several. Throws `update.*` and `engine.*`. */
export async function reduceIn(
  child: EngineChild,
  { contributions, residual, ...how }: SliceReduction,
  signal?: AbortSignal,
): Promise<ReducedSlice> {
  const request: Request = {
    op: 'reduce',
    contributions: contributions.map(({ member, weight }) => ({ member, weight })),
    ...how,
    residual: residual !== undefined,
  }
  const sent = [...contributions.map(({ bytes }) => bytes), ...(residual ? [residual] : [])]
  const { header, parts } = await child.ask(request, 'aggregating updates', { parts: sent, signal })
  const [update, left] = parts
  if (header.op !== 'updates' || !update) throw protocol('an update')
  return { update, ...(left && { residual: left }) }
}
