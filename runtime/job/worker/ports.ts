import type { Clock, Logger } from '../../base/index.ts'
import type { RunResult } from '../../compute/engine/index.ts'
import type { TrainedSteps } from '../../compute/training/index.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import type {
  Adoption,
  BlobRef,
  Lease,
  ReduceShard,
  Signed,
  Signer,
  TrainingProgress,
  TrainShard,
} from '../../protocol/index.ts'
import type { Swarm } from '../../swarm/swarm.ts'
import type { WorkerJournal } from '../journal/index.ts'

/** What an engine call gave, and how long it took. */
export interface Computed {
  readonly results: readonly RunResult[]
  readonly computeMs: number
}

/** How a shard of training is run. */
export interface TrainingRun {
  readonly signal: AbortSignal
  /** Hears how far it has come, many times a second. */
  readonly onSteps: (progress: TrainingProgress) => void
}

/** What a shard of training gave, or of a round. All of its blobs are durable. */
export interface Trained extends TrainedSteps {
  /** The state after the last step; of a round what its member or its slice goes on from, where that is something. */
  readonly state?: BlobRef
  /** Of a round: what other members fetch. */
  readonly updates: readonly BlobRef[]
  /** From the first step to the last, evaluation included. */
  readonly computeMs: number
}

/** The outside world of a worker. */
export interface WorkerPorts {
  readonly swarm: Swarm
  readonly clock: Clock
  readonly logger: Logger
  readonly signer: Signer
  readonly journal: WorkerJournal
  /** The account that a peer is proven to belong to, by its membership or the binding that it shows. */
  readonly accountOf: (peer: string, binding?: Uint8Array) => string | undefined
  /** Opens an adoption and checks who signed it and for which account. Throws `adoption.*`, `signature.*`. */
  readonly openAdoption: (signed: Signed) => Adoption
  /** Brings a lease's graph and weights here and checks them. Throws `blob.*`, `grant.*`, `model.*`, `disk.*`. */
  readonly fetchModel: (lease: Lease, grant: Signed | undefined, signal: AbortSignal) => Promise<void>
  /**
   * Brings a lease's inputs here; of training and rounds, they stay where they are, and no bytes are given. Throws `blob.*`,
   * `grant.*`, `replica.lost`, `update.contribution`.
   */
  readonly fetchInputs: (lease: Lease, grant: Signed | undefined, signal: AbortSignal) => Promise<Uint8Array>
  /** Checks that the bytes are those that `ref` names. */
  readonly matches: (ref: BlobRef, bytes: Uint8Array) => boolean
  /** Tensors from a peer's bytes, bounded before anything is allocated. Throws `tensor.*`. */
  readonly decodeInputs: (bytes: Uint8Array) => NamedTensors
  /**
   * Runs the shards of leases that have job, model and device in common in one call of the engine child of (job, device
   * slot). What is wrong with one is its own result. Aborting kills the child. Throws what ends them all: `engine.*`,
   * `model.*`, `aborted`.
   */
  readonly compute: (
    leases: readonly Lease[],
    slot: number,
    inputs: readonly NamedTensors[],
    signal: AbortSignal,
  ) => Promise<Computed>
  /**
   * Runs the steps of a shard in the engine child of (job, device slot), and keeps the state that they give durably until
   * it is settled. Aborting kills the child. Throws `train.*`, `engine.*`, `model.*`, `rows.*`, `blob.*`, `aborted`.
   */
  readonly train: (lease: Lease, shard: TrainShard, slot: number, run: TrainingRun) => Promise<Trained>
  /** Makes one update of the contributions to a slice, and keeps it durably until it is settled. Throws `update.*`, `engine.*`, `blob.*`, `aborted`. */
  readonly reduce: (lease: Lease, shard: ReduceShard, slot: number, signal: AbortSignal) => Promise<Trained>
  /** The job holds no lease here any more: its engine children may go. */
  readonly jobIdle: (job: string) => void
  /** Names outputs, and keeps them durably when they are too large to go inline, until they are settled. */
  readonly putOutputs: (outputs: NamedTensors) => Promise<{ readonly ref: BlobRef; readonly inline?: Uint8Array }>
  /** Keeps outputs that were put, for as long again. Throws `blob.not-found`. */
  readonly keepOutputs: (ref: BlobRef) => Promise<void>
  readonly dropOutputs: (ref: BlobRef) => void
  /** Whether outputs that were put are still here. */
  readonly hasOutputs: (ref: BlobRef) => boolean
  readonly determinismClassOf: (device: string) => string
}
