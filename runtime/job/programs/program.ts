import type { Digest } from '../../base/index.ts'
import type {
  BlobRef,
  Checkpoint,
  Receipt,
  RoundManifest,
  RoundOutcome,
  RoundsView,
  ShardSpec,
  SweepView,
  TrialPart,
} from '../../protocol/index.ts'
import type { AvailableWorker, ShardFailure } from '../scheduler/index.ts'

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
      /** Of training: what it came to. The state is here, unless the shard is one of a round: see `ProgramStep.release`. */
      readonly trained?: Omit<Checkpoint, 'step'>
      /** Who computed it, and what it says beside its outputs. */
      readonly receipt: Pick<Receipt, 'worker' | 'computeMs' | 'state' | 'updates' | 'commitments'>
    }
  /** A result that was heard of turned out wrong: forget it. */
  | { readonly type: 'retracted'; readonly shard: Digest }
  | { readonly type: 'poison'; readonly shard: Digest; readonly failures: readonly ShardFailure[] }
  /**
   * All that could be given shards now, by peer: told once at the start, and whenever it changes. A worker that is silent
   * for a moment is still among them, and said to be so.
   */
  | { readonly type: 'workers'; readonly workers: readonly AvailableWorker[] }
  /** So many workers may work on the job at once from now on. Heard before `workers` by one that goes on from a journal. */
  | { readonly type: 'scaled'; readonly workers: number }
  /** The time that was asked for has come; see `ProgramStep.wakeAtMs`. */
  | { readonly type: 'time' }

/** An accepted result that is to become part `index` of the job's output. */
export interface PartOrder {
  readonly index: number
  readonly firstRow: number
  /** Of `shard`, beside which `others` have their own. */
  readonly rows: number
  readonly shard: Digest
  readonly outputs: BlobRef
  /** Of training: what the shard came to. */
  readonly checkpoint?: Checkpoint
  /** Of a training by rounds: what the round came to, for the journal. */
  readonly round?: RoundOutcome
  /** Of a sweep: whose the checkpoint is. */
  readonly trial?: TrialPart
  /** Further shards whose outputs belong to this part, after those of `shard`, in this order. */
  readonly others?: readonly { readonly shard: Digest; readonly outputs: BlobRef; readonly rows: number }[]
}

/** A shard that one worker alone may compute: it has what the shard begins with. */
export interface PlacedShard {
  readonly shard: ShardSpec
  readonly peer: string
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
  /** New shards for one worker each. One that it cannot compute becomes poison; while it is away the shard waits. */
  readonly placed?: readonly PlacedShard[]
  /** Rounds that were opened: journalled before the results of their shards are. */
  readonly rounds?: readonly RoundManifest[]
  /**
   * Accepted shards whose results their workers may let go, once the parts so far are durable. Of shards in `placed` nothing is
   * let go before it is said here, or the job is over; of all others it is as soon as their part is durable.
   */
  readonly release?: readonly Digest[]
  /** What people are shown of where it stands; replaces what was shown before. Default: as before. */
  readonly view?: RoundsView
  /** Of a sweep: as {@link view}. */
  readonly sweep?: SweepView
  /** When to be told `time`, on the clock of `nowMs`; replaces the time asked for before. Default: as before. */
  readonly wakeAtMs?: number
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
 * learns something, so nothing is planned ahead; the scheduler knows none of them. `nowMs` is a monotonic clock's.
 */
export interface JobProgram<S> {
  start(nowMs: number): ProgramStep<S>
  step(state: S, event: ProgramEvent, nowMs: number): ProgramStep<S>
}

/** A {@link JobProgram} to which time is nothing. */
export interface TimelessProgram<S> {
  start(): ProgramStep<S>
  step(state: S, event: ProgramEvent): ProgramStep<S>
}
