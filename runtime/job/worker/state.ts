import type { CalledJob, CancelReason, Device, Lease, RefusalReason } from '../../protocol/index.ts'

/** What happens to a worker. Signatures are checked before an offer gets here. */
export type WorkerEvent =
  | {
      readonly type: 'offer'
      readonly from: string
      readonly leases: readonly Lease[]
      /** Leases whose result this worker has already, from earlier work for the same account in the same class. */
      readonly known: ReadonlySet<string>
      /** Jobs that the sender may not speak for. Default: none. */
      readonly barred?: ReadonlySet<string>
    }
  | { readonly type: 'fetched'; readonly lease: string }
  /** An engine call ended, so its slot is free; the results are on their way to the disk. */
  | {
      readonly type: 'computed'
      readonly device: string
      readonly slot: number
      readonly leases: readonly string[]
      /** Time inside the engine, for all of them. */
      readonly computeMs: number
    }
  /** An engine call was called off, or failed as a whole, so its slot is free; these of its leases are to be run again. */
  | {
      readonly type: 'stopped'
      readonly device: string
      readonly slot: number
      readonly again: readonly string[]
      /** Each by itself: one of them may have killed the engine. */
      readonly alone: boolean
    }
  /** The result is durable and reported, or the failure is. */
  | { readonly type: 'finished'; readonly lease: string }
  | {
      readonly type: 'cancel'
      readonly from: string
      readonly leases: readonly string[]
      readonly reason: CancelReason
    }
  /** A coordinator has come (back) and names its running jobs; who may not speak for a job was sorted out before. */
  | { readonly type: 'roll-call'; readonly from: string; readonly jobs: readonly CalledJob[] }
  | { readonly type: 'submitter-lost'; readonly peer: string }
  | { readonly type: 'devices'; readonly devices: readonly Device[] }
  | { readonly type: 'drain' }
  | { readonly type: 'tick' }

/** What the driver has to do. */
export type WorkerInstruction =
  | { readonly type: 'accept'; readonly to: string; readonly leases: readonly string[] }
  | { readonly type: 'decline'; readonly to: string; readonly leases: readonly Declined[] }
  /** Bring graph, weights and inputs here; then say `fetched`. */
  | { readonly type: 'fetch'; readonly lease: Lease; readonly from: string }
  /** Run these, which have a job and a device in common, in one engine call; then say `computed` or `stopped`. */
  | { readonly type: 'run'; readonly leases: readonly Lease[]; readonly slot: number }
  /** Say again what is owed of these jobs, then which leases of them are held. */
  | {
      readonly type: 'answer'
      readonly to: string
      readonly jobs: readonly CalledJob[]
      readonly leases: readonly Lease[]
    }
  /** Report the result that is already known; compute it when it is not known after all. */
  | { readonly type: 'replay'; readonly lease: Lease; readonly from: string }
  /** Stop fetching, or kill the engine child, at once; no report is owed. */
  | { readonly type: 'abort'; readonly lease: string }
  | { readonly type: 'progress'; readonly to: string; readonly leases: readonly string[] }

/** A lease that is not taken, and when to ask again. */
export interface Declined {
  readonly lease: string
  readonly reason: RefusalReason
  readonly message: string
  readonly retryAfterMs: number
}

/** A lease that was accepted. */
export interface Held {
  readonly lease: Lease
  /** Its coordinator: another node may have taken the job over. */
  from: string
  /** `following`: another lease for the same work is ahead of it, and its result will be this one's too. */
  phase: 'following' | 'fetching' | 'ready' | 'running' | 'ending'
  /** The lease that it follows. */
  leader: string | undefined
  /** Not to be run together with others. */
  alone: boolean
  extendAtMs: number
}

/** All that a worker knows of its leases. The machine owns and changes it. */
export interface WorkerState {
  readonly node: string
  devices: Map<string, { device: Device; readonly busy: Set<number> }>
  readonly held: Map<string, Held>
  /** The newest epoch heard of jobs, and of whom. */
  readonly epochs: Map<string, { readonly epoch: number; readonly from: string | undefined }>
  /** How long the shards of jobs take in the engine, by job. Milliseconds. */
  readonly paces: Map<string, number>
  /** How many of {@link held} follow another. */
  following: number
  draining: boolean
}

/** A worker without work. */
export function initialWorker(node: string): WorkerState {
  return {
    node,
    devices: new Map(),
    held: new Map(),
    epochs: new Map(),
    paces: new Map(),
    following: 0,
    draining: false,
  }
}
