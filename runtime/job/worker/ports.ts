import type { Clock, Logger } from '../../base/index.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import type { BlobRef, Lease, Signed, Signer } from '../../protocol/index.ts'
import type { Swarm } from '../../swarm/swarm.ts'
import type { WorkerJournal } from '../journal/index.ts'

/** The outside world of a worker. */
export interface WorkerPorts {
  readonly swarm: Swarm
  readonly clock: Clock
  readonly logger: Logger
  readonly signer: Signer
  readonly journal: WorkerJournal
  /** Brings a lease's graph and weights here and checks them. Throws `blob.*`, `grant.*`, `model.*`, `disk.*`. */
  readonly fetchModel: (lease: Lease, grant: Signed | undefined, signal: AbortSignal) => Promise<void>
  /** Brings a lease's inputs here. Throws `blob.*`, `grant.*`. */
  readonly fetchInputs: (lease: Lease, grant: Signed | undefined, signal: AbortSignal) => Promise<Uint8Array>
  /** Checks that the bytes are those that `ref` names. */
  readonly matches: (ref: BlobRef, bytes: Uint8Array) => boolean
  /** Tensors from a peer's bytes, bounded before anything is allocated. Throws `tensor.*`. */
  readonly decodeInputs: (bytes: Uint8Array) => NamedTensors
  /**
   * Runs the lease's shard in the engine child of (job, device slot). Aborting kills the child. Throws `engine.*`,
   * `model.*`, `tensor.*`.
   */
  readonly compute: (
    lease: Lease,
    slot: number,
    inputs: NamedTensors,
    signal: AbortSignal,
  ) => Promise<{ readonly outputs: NamedTensors; readonly computeMs: number }>
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
