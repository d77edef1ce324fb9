import type { Clock, Logger } from '../../base/index.ts'
import type { BlobStore, OpenProvider } from '../../data/blob/index.ts'
import type { AccountProofs } from '../../job/following/index.ts'
import type { Journals } from '../../job/journal/index.ts'
import type { Disk } from '../../log/index.ts'
import type { JobStatus, Signer } from '../../protocol/index.ts'
import type { NodeSwarm } from '../../swarm/node-swarm.ts'
import type { DataFolder } from '../data-folder.ts'
import type { EventBus } from '../events.ts'
import type { EngineHost } from '../hosts/engine-host.ts'

/** What the ports of both sides of a job are made from. */
export interface JobParts {
  readonly swarm: NodeSwarm
  readonly clock: Clock
  readonly logger: Logger
  readonly signer: Signer
  readonly folder: DataFolder
  /** Of the jobs that are coordinated here. */
  readonly journals: Journals
  /** Who belongs to which account. */
  readonly proofs: AccountProofs
  /** Models and outputs, on disk. */
  readonly blobs: BlobStore
  /** Inputs of shards on their way, in memory. */
  readonly inputs: BlobStore
  readonly provider: (peer: string) => OpenProvider
  readonly engines: EngineHost
  readonly events: EventBus
  /** A job has ended: its last status. */
  readonly jobEnded: (status: JobStatus) => void
  /** Where journals and parts are written. Default: the machine's own. */
  readonly disk?: Disk
}
