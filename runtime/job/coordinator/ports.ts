import type { Clock, Digest, Logger } from '../../base/index.ts'
import type { Source } from '../../data/sources/index.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import type {
  Adoption,
  BlobRef,
  Grant,
  InferenceJob,
  JobSpec,
  NodeEventBody,
  ReplicaShard,
  ResultPart,
  Signed,
  Signer,
  TrainingSpec,
} from '../../protocol/index.ts'
import type { Swarm } from '../../swarm/swarm.ts'
import type { JobJournal } from '../journal/index.ts'
import type { TrialReport } from '../programs/index.ts'
import type { OrderedPart } from './commits.ts'

/** The outside world of a coordinator. */
export interface CoordinatorPorts {
  readonly swarm: Swarm
  readonly clock: Clock
  readonly logger: Logger
  readonly signer: Signer
  /** Shows workers that this node belongs to its account, where its membership does not. */
  readonly binding?: Uint8Array
  readonly openJournal: (job: string) => Promise<JobJournal>
  /** Closes the journal of a job that has ended, as soon as nobody needs it. */
  readonly retireJournal: (job: string) => Promise<void>
  /** Opens an adoption and checks who signed it and for which account. Throws `adoption.*`, `signature.*`. */
  readonly openAdoption: (signed: Signed) => Adoption
  readonly openSource: (spec: InferenceJob) => Promise<Source>
  /** Keeps a shard's encoded inputs until {@link dropInput}; workers fetch them from here. */
  readonly putInput: (job: string, tensors: NamedTensors) => Promise<BlobRef>
  readonly readInput: (ref: BlobRef) => Promise<Uint8Array | undefined>
  readonly dropInput: (job: string, ref: BlobRef) => void
  /** Brings a worker's outputs here, each chunk checked. Throws `blob.*`. */
  readonly fetchOutputs: (ref: BlobRef, peer: string, signal: AbortSignal) => Promise<Uint8Array>
  /**
   * Brings the state of a training here, and keeps it for the job. One that is a snapshot of replicas is looked into first:
   * `receipt.snapshot` where it is not the step's state that its maker says. Throws `blob.*`, `disk.*`.
   */
  readonly fetchState: (
    job: string,
    ref: BlobRef,
    peer: string,
    signal: AbortSignal,
    snapshot?: { readonly shard: ReplicaShard; readonly commitment: Digest },
  ) => Promise<void>
  readonly dropState: (job: string, ref: BlobRef) => void
  /** Writes states as files of the result, durably: `last.safetensors`, `best.safetensors`. Throws `disk.*`. */
  readonly writeStates: (spec: JobSpec, states: Readonly<Record<string, BlobRef>>) => Promise<void>
  /** Writes what a state of a training makes of its model, durably: `model.onnx`. Does nothing where the training names no model. Throws `graph.state`, `disk.*`. */
  readonly writeModel: (spec: JobSpec, training: TrainingSpec, state: BlobRef) => Promise<void>
  /** Writes the table of a sweep's trials as a file of the result, durably. Throws `disk.*`. */
  readonly writeTrials: (spec: JobSpec, trials: readonly TrialReport[]) => Promise<void>
  /** Checks that the bytes are those that `ref` names. */
  readonly matches: (ref: BlobRef, bytes: Uint8Array) => boolean
  /** Writes parts durably. Throws `disk.full`, `disk.budget`, `tensor.*` when outputs are not what was asked for. */
  readonly writeParts: (spec: JobSpec, parts: readonly OrderedPart[]) => Promise<readonly ResultPart[]>
  /** What a peer calls itself. */
  readonly nameOf: (peer: string) => string
  readonly signGrant: (grant: Grant) => Signed
  readonly emit: (event: NodeEventBody) => void
}
