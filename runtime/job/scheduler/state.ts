import { type Digest, limit } from '../../base/index.ts'
import type {
  CalledJob,
  CancelReason,
  Device,
  HeldLease,
  RefusalReason,
  Requirements,
  ShardKind,
} from '../../protocol/index.ts'

/** What the scheduler is tuned by; every duration is on the submitter's monotonic clock. */
export interface SchedulerOptions {
  /** A lease that is neither finished nor extended in this time lapses. */
  readonly leaseMs: number
  /** Leases a device holds beyond its slots, so that the next shard's inputs arrive while one computes: at least these ... */
  readonly prefetchPerSlot: number
  /** ... and as many as it gets through in this time, so that short shards travel and compute in groups ... */
  readonly aheadMs: number
  /** ... but at most these. */
  readonly maxAhead: number
  /** Attempts that may fail before a shard is named poison; one that cannot succeed counts twice. */
  readonly shardAttempts: number
  /** A lease older than this many median durations is copied to an idle device. */
  readonly stragglerFactor: number
  /** Never copied before this age. */
  readonly stragglerMinMs: number
  /** Failures in a row after which a worker gets nothing for {@link workerPauseMs}. */
  readonly workerFailures: number
  readonly workerPauseMs: number
  /** A job that goes on from its journal leases nothing until its workers have answered, and no longer than this. */
  readonly returnMs: number
}

/** The defaults of {@link SchedulerOptions}. */
export const SCHEDULER_DEFAULTS: SchedulerOptions = {
  leaseMs: limit('leaseMs'),
  prefetchPerSlot: 1,
  aheadMs: 200,
  maxAhead: 160,
  shardAttempts: limit('shardAttempts'),
  stragglerFactor: 3,
  stragglerMinMs: 2_000,
  workerFailures: 3,
  workerPauseMs: 30_000,
  returnMs: limit('returnMs'),
}

/** One failed attempt at a shard. */
export interface ShardFailure {
  readonly peer: string
  readonly code: string
  readonly message: string
  readonly retryable: boolean
}

/** What happens to the scheduler. Peers have been authenticated and receipts verified before they get here. */
export type SchedulerEvent =
  | {
      readonly type: 'job-opened'
      readonly job: string
      readonly epoch: number
      /** What its shards compute: a device is given none of them unless it runs all of these. */
      readonly kinds: readonly ShardKind[]
      readonly requirements: Requirements
      /** Leases the job may hold at once. */
      readonly maxLeases: number
      /** Workers that it may employ at once; those of placed shards are its program's to choose. Default: all. */
      readonly maxWorkers?: number
      /** Workers that an earlier epoch leased to: they may have results, or be at work. Default: none. */
      readonly awaited?: Iterable<string>
    }
  /** From now on it may employ so many workers; those beyond them end what they were given. */
  | { readonly type: 'job-scaled'; readonly job: string; readonly maxWorkers: number }
  | {
      readonly type: 'shards'
      readonly job: string
      readonly shards: readonly Digest[]
      /** The one peer that may compute these. Default: whoever has room. */
      readonly only?: string
    }
  | { readonly type: 'shards-cancelled'; readonly job: string; readonly shards: readonly Digest[] }
  | { readonly type: 'job-closed'; readonly job: string }
  | { readonly type: 'worker'; readonly peer: string; readonly devices: readonly Device[] }
  | { readonly type: 'worker-suspect'; readonly peer: string }
  | { readonly type: 'worker-alive'; readonly peer: string }
  | { readonly type: 'worker-lost'; readonly peer: string }
  | { readonly type: 'accepted'; readonly peer: string; readonly leases: readonly string[] }
  | {
      readonly type: 'declined'
      readonly peer: string
      readonly leases: readonly { lease: string; reason: RefusalReason; retryAfterMs: number }[]
    }
  | { readonly type: 'progress'; readonly peer: string; readonly leases: readonly string[] }
  /** A result. Its lease may be of an earlier epoch, and unknown here: then the shard tells. */
  | {
      readonly type: 'receipt'
      readonly peer: string
      readonly lease: string
      readonly job: string
      readonly shard: Digest
    }
  /** A worker's answer to a roll call; its receipts came before. */
  | {
      readonly type: 'held'
      readonly peer: string
      readonly jobs: readonly CalledJob[]
      readonly leases: readonly HeldLease[]
    }
  | { readonly type: 'failed'; readonly peer: string; readonly lease: string; readonly failure: ShardFailure }
  | { readonly type: 'tick' }

/** A peer that could be given shards of a job. */
export interface AvailableWorker {
  readonly peer: string
  /** Nothing was heard of it for a moment: it may come back, and what it has been given stays with it. */
  readonly isSilent: boolean
  /** Shards that it computes at once, on all of its devices that meet the job's requirements. */
  readonly slots: number
}

/** One lease to sign and offer. */
export interface LeaseOrder {
  readonly lease: string
  readonly job: string
  readonly shard: Digest
  readonly device: string
  readonly durationMs: number
}

/** What the driver has to do; each outcome comes back as an event. */
export type SchedulerInstruction =
  | { readonly type: 'offer'; readonly peer: string; readonly leases: readonly LeaseOrder[] }
  | {
      readonly type: 'cancel'
      readonly peer: string
      readonly leases: readonly string[]
      readonly reason: CancelReason
    }
  /** The first receipt for a shard came in: its result goes to the program, no other will. */
  | {
      readonly type: 'result'
      readonly job: string
      readonly shard: Digest
      readonly lease: string
      readonly peer: string
    }
  | {
      readonly type: 'poison'
      readonly job: string
      readonly shard: Digest
      readonly failures: readonly ShardFailure[]
    }
  /** All that a job's shards could go to have changed; told first when it is opened. */
  | { readonly type: 'workers'; readonly job: string; readonly workers: readonly AvailableWorker[] }
  /** For the event stream only. */
  | {
      readonly type: 'note'
      readonly phase: 'leased' | 'declined' | 'copied' | 'lapsed' | 'retried' | 'cancelled'
      readonly job: string
      readonly shard: Digest
      readonly peer: string
      readonly reason?: string
    }

/** A lease as the submitter keeps it. `lapsed` ones still count when their receipt comes first. */
export interface LeaseRecord {
  readonly id: string
  readonly job: JobRecord
  /** The job's, or an earlier one whose lease was found again. */
  readonly epoch: number
  /** Counts the leases of its epoch. */
  readonly number: number
  readonly shard: ShardRecord
  readonly device: DeviceRecord
  state: 'offered' | 'accepted' | 'lapsed'
  readonly offeredMs: number
  /** When it lapses unless progress extends it. */
  deadlineMs: number
}

/** A lease that a worker was found with; see {@link JobRecord.claims}. */
export interface Claim extends HeldLease {
  readonly peer: string
}

/** A shard of a job on its way to a result. */
export interface ShardRecord {
  readonly id: Digest
  /** The one peer that may compute it: it waits while that one is away, and is never copied. */
  readonly only: string | undefined
  /** Of one that failed there: when it is tried again. Monotonic ms. */
  notBeforeMs: number
  state: 'pending' | 'leased' | 'done'
  /** How many entries of {@link JobRecord.pending} name it. */
  queued: number
  /** Live and lapsed leases. */
  readonly leases: Set<LeaseRecord>
  readonly failures: ShardFailure[]
}

/** A job as the scheduler knows it: requirements and shards, nothing of its program. */
export interface JobRecord {
  readonly id: string
  readonly epoch: number
  readonly kinds: readonly ShardKind[]
  readonly requirements: Requirements
  readonly maxLeases: number
  maxWorkers: number
  /** Leases of each worker that has some. */
  readonly employed: Map<string, number>
  readonly shards: Map<Digest, ShardRecord>
  /** Ids to lease next, in order. May hold shards that were finished meanwhile; they are skipped. */
  readonly pending: Digest[]
  /** Index of the first live entry of {@link pending}. */
  pendingFrom: number
  /** Shards that wait for the one peer that may compute them, by peer. */
  readonly placed: Map<string, Set<ShardRecord>>
  /** Id of the device of a peer that was given such shards: what they build on is there. */
  readonly homes: Map<string, string>
  /** Peers that the program was told of. */
  readonly available: Map<string, AvailableWorker>
  nextLease: number
  /** Leases of an earlier epoch that workers hold for shards which the program has not emitted again yet. */
  readonly claims: Map<Digest, Claim>
  /** Workers whose answer to a roll call is waited for before anything is leased ... */
  readonly awaited: Set<string>
  /** ... until this time. */
  awaitedUntilMs: number
  leases: number
  /** Durations of the last finished leases, ms. */
  readonly durationsMs: number[]
  /** Why devices do not take this job's shards, by device key. */
  readonly refused: Map<string, RefusalReason>
  readonly declines: Map<RefusalReason, number>
  copies: number
  retries: number
}

/** One device of a worker. */
export interface DeviceRecord {
  readonly key: string
  readonly worker: WorkerRecord
  device: Device
  readonly leases: Set<LeaseRecord>
  readonly pace: Pace
}

/** How fast a device's receipts come while it has leases. */
export interface Pace {
  /** Milliseconds between two of them; `undefined` before the first. */
  ms: number | undefined
  /** The receipts since then are the next measurement. */
  sinceMs: number
  count: number
}

/** A peer that may compute. */
export interface WorkerRecord {
  readonly peer: string
  state: 'alive' | 'suspect' | 'lost'
  readonly devices: Map<string, DeviceRecord>
  pausedUntilMs: number
  failuresInARow: number
}

/** All that a submitter's scheduler knows. The machine owns and changes it; nobody else does. */
export interface SchedulerState {
  readonly options: SchedulerOptions
  readonly jobs: Map<string, JobRecord>
  readonly workers: Map<string, WorkerRecord>
  readonly leases: Map<string, LeaseRecord>
  /** Devices that can take another lease. */
  readonly ready: Set<DeviceRecord>
  /** Jobs in turn for the next free place. */
  readonly turn: JobRecord[]
}

/** A scheduler that knows nobody and nothing. */
export function initialState(options: Partial<SchedulerOptions> = {}): SchedulerState {
  return {
    options: { ...SCHEDULER_DEFAULTS, ...options },
    jobs: new Map(),
    workers: new Map(),
    leases: new Map(),
    ready: new Set(),
    turn: [],
  }
}
