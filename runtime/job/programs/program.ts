import type { Digest } from '../../base/index.ts'
import type { BlobRef, Checkpoint, ShardSpec } from '../../protocol/index.ts'
import type { ShardFailure } from '../scheduler/index.ts'

/** What a job program hears. `result` is provisional: a program that must not be wrong waits for `accepted`. */
export type ProgramEvent =
  /** A batch of the source is at hand, encoded as a blob. */
  | {
      readonly type: 'batch'
      readonly index: number
      readonly firstRow: number
      readonly rows: number
      readonly inputs: BlobRef
    }
  | { readonly type: 'source-ended' }
  /** A long shard has committed an intermediate state. */
  | { readonly type: 'partial'; readonly shard: Digest; readonly uptoStep: number; readonly state: BlobRef }
  | { readonly type: 'result'; readonly shard: Digest; readonly outputs: BlobRef }
  | {
      readonly type: 'accepted'
      readonly shard: Digest
      readonly outputs: BlobRef
      /** Of training: what it came to. The state is here. */
      readonly trained?: Omit<Checkpoint, 'step'>
    }
  /** A result that was heard of turned out wrong: forget it. */
  | { readonly type: 'retracted'; readonly shard: Digest }
  | { readonly type: 'poison'; readonly shard: Digest; readonly failures: readonly ShardFailure[] }

/** An accepted result that is to become part `index` of the job's output. */
export interface PartOrder {
  readonly index: number
  readonly firstRow: number
  readonly rows: number
  readonly shard: Digest
  readonly outputs: BlobRef
  /** Of training: what the shard came to. */
  readonly checkpoint?: Checkpoint
}

/** What a program answers to an event. */
export interface ProgramStep<S> {
  readonly state: S
  /** New shards to compute. */
  readonly shards: readonly ShardSpec[]
  /** Shards that are no longer needed. */
  readonly cancel: readonly Digest[]
  /** Results to keep, each once. */
  readonly parts: readonly PartOrder[]
  /** States that are of no more use, once the parts so far are durable. Default: none. */
  readonly forget?: readonly BlobRef[]
  /** Batches of the source it wants beyond those it was given: the demand that holds a large input back. */
  readonly pull: number
  /** The job is over. */
  readonly done?:
    | { readonly ok: true }
    | { readonly ok: false; readonly shard: Digest; readonly failures: readonly ShardFailure[] }
}

/**
 * A job as a pure machine: inference, training rounds, sweeps are programs of this one shape. It emits shards when it
 * learns something, so nothing is planned ahead; the scheduler knows none of them.
 */
export interface JobProgram<S> {
  start(): ProgramStep<S>
  step(state: S, event: ProgramEvent): ProgramStep<S>
}
