import type { Digest } from '../../../base/hash.ts'
import { limit } from '../../../base/limits.ts'
import type { NamedTensors } from '../../../data/tensor/tensor.ts'
import type { SplitForm } from '../split-stepper.ts'
import { ChildReplica, type ReplicaBeginning } from './child-replica.ts'
import type { EngineChild } from './engine-child.ts'
import { protocol } from './frame.ts'
import { headsOf, type Request, type StepHead } from './messages.ts'
import type { TensorSource } from './tensor-source.ts'

/** What a training begins with. */
export interface SteppedModel {
  /** In the order in which it is hashed; `next`: the output that holds it after a step. */
  readonly state: readonly (TensorSource & { readonly next: string })[]
  readonly frozen: readonly TensorSource[]
  /** Scalar f32 outputs of each step. */
  readonly metrics: readonly string[]
  /**
   * When the session is but the first half of a step: how it fits the other half, by the number of its session in the same child. Steps compute
   * gradients then, and a {@link ChildReplica} applies them.
   */
  readonly split?: SplitForm & { readonly update: { readonly number: number } }
}

/** What one step is fed beside the state. */
export interface StepFeed {
  readonly tensors: NamedTensors
  /** f32 scalars. */
  readonly scalars: Readonly<Record<string, number>>
}

/** Steps that go to the engine together. */
export interface StepGroup {
  readonly steps: readonly StepFeed[]
  /** Whether to hash the state after the last of them. */
  readonly commit: boolean
}

/** What a {@link StepGroup} gave. */
export interface Stepped {
  readonly group: StepGroup
  /** Of each step, in the order in which they were asked for. */
  readonly metrics: readonly Float32Array[]
  /** SHA-256 over the state's tensors in order, where it was asked for. */
  readonly commitment?: Digest
}

/** Some bytes of a state. */
export interface StatePiece {
  /** Which tensor of {@link SteppedModel.state}. */
  readonly tensor: number
  readonly bytes: Uint8Array
}

/** How steps are run. */
export interface SteppingOptions {
  readonly signal?: AbortSignal
  /** Groups on their way to the child: the next ones are made while it computes. Default: `AHEAD`. */
  readonly ahead?: number
  /** Hears what each group gave, in order. What it throws ends the run. */
  readonly onStepped: (stepped: Stepped) => void
}

/** Bytes of the state that are asked for at once. */
const READ_BYTES = 8 << 20

/** A model that is trained in a child: its state is there, and goes nowhere unless it is asked for. */
export class ChildTraining {
  readonly #child: EngineChild
  readonly #session: number
  readonly #init: SteppedModel

  private constructor(child: EngineChild, session: number, init: SteppedModel) {
    this.#child = child
    this.#session = session
    this.#init = init
  }

  /**
   * Hands the state over, piece by piece. Throws `step.no-output`, `tensor.*`, `engine.out-of-memory` when it does not fit,
   * and what reading it throws.
   */
  static async begin(
    child: EngineChild,
    session: number,
    init: SteppedModel,
    signal?: AbortSignal,
  ): Promise<ChildTraining> {
    const training = new ChildTraining(child, session, init)
    await training.end()
    const { state, frozen, metrics, split } = init
    const request: Request = {
      op: 'begin-training',
      session,
      state: state.map(({ name, next, dtype, shape }) => ({ name, next, dtype, shape })),
      frozen: frozen.map(({ name, dtype, shape }) => ({ name, dtype, shape })),
      metrics,
      ...(split && { split: { ...split, update: split.update.number } }),
    }
    const sources = [...state, ...frozen]
    await child.ask(request, 'handing over the state', {
      partBytes: sources.map(({ sizeBytes }) => sizeBytes),
      content: async function* () {
        for (const { content } of sources) yield* content(signal)
      },
      limitMs: limit('engineLoadMs'),
      signal,
    })
    return training
  }

  /** The session that is trained. */
  get session(): number {
    return this.#session
  }

  /**
   * Runs groups of steps in order, the next ones sent while one is computed. The memory of a group is free for another as
   * soon as `groups` is asked for the one that comes {@link SteppingOptions.ahead} after it. Throws what a step throws;
   * the state is then that of the step before.
   */
  run(groups: AsyncIterable<StepGroup>, options: SteppingOptions): Promise<void> {
    const session = this.#session
    const requestOf = ({ steps, commit }: StepGroup): Request => ({
      op: 'steps',
      session,
      steps: steps.map(stepHead),
      commit,
    })
    return this.#child.stepping(groups, requestOf, this.#init.metrics.length, options)
  }

  /**
   * Runs another session of the same child over groups of inputs: one that takes weights by the names of the state. Gives
   * its scalar f32 outputs `metrics` for each.
   */
  evaluate(
    model: { readonly number: number },
    metrics: readonly string[],
    groups: AsyncIterable<StepGroup>,
    options: SteppingOptions,
  ): Promise<void> {
    const session = this.#session
    const requestOf = ({ steps }: StepGroup): Request => ({
      op: 'evaluate',
      session,
      model: model.number,
      steps: steps.map(stepHead),
      metrics,
    })
    return this.#child.stepping(groups, requestOf, metrics.length, options)
  }

  /**
   * The bytes of the present state, tensor by tensor in order, never more than some MiB of it outside of the child. `which`
   * of them by their numbers; default: all.
   */
  async *state(
    signal?: AbortSignal,
    which: Iterable<number> = this.#init.state.keys(),
  ): AsyncGenerator<StatePiece, void, void> {
    for (const tensor of which) {
      const { sizeBytes } = this.#init.state[tensor]!
      for (let offset = 0; offset < sizeBytes; offset += READ_BYTES) {
        const length = Math.min(READ_BYTES, sizeBytes - offset)
        const request: Request = { op: 'read-state', session: this.#session, tensor, offset, length }
        const { header, parts } = await this.#child.ask(request, 'reading the state', { signal })
        const [bytes] = parts
        if (header.op !== 'state' || bytes?.byteLength !== length) throw protocol('bytes of the state')
        yield { tensor, bytes }
      }
    }
  }

  /** Makes it one of many replicas of what its state is now. Throws `engine.*`. */
  replica(init: ReplicaBeginning, signal?: AbortSignal): Promise<ChildReplica> {
    return ChildReplica.begin(this.#child, this.#session, init, signal)
  }

  /** Frees the state in the child. */
  async end(): Promise<void> {
    if (this.#child.alive) await this.#child.ask({ op: 'end-training', session: this.#session }, 'ending a training')
  }
}

function stepHead({ tensors, scalars }: StepFeed): StepHead {
  return { tensors: headsOf(tensors), scalars }
}

/** What came back for a group; `undefined` when it is not that. */
export function steppedOf(
  group: StepGroup,
  width: number,
  commitment: Digest | undefined,
  parts: readonly Uint8Array[],
): Stepped | undefined {
  const [bytes] = parts
  if (bytes?.byteLength !== 4 * width * group.steps.length) return undefined
  const metrics = group.steps.map((_, i) => new Float32Array(bytes.buffer, bytes.byteOffset + 4 * width * i, width))
  return { group, metrics, ...(commitment !== undefined && { commitment }) }
}
