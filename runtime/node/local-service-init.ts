import type { Config, Random } from '../base/index.ts'
import type { DiskBudget } from '../data/blob/index.ts'
import type { Coordinator } from '../job/coordinator/index.ts'
import type { Worker } from '../job/worker/index.ts'
import type { Device } from '../protocol/index.ts'
import type { Cluster, Door } from '../swarm/charter/index.ts'
import type { NodeKeys } from './cluster/joining.ts'
import type { DataKeeper } from './data-shelf/data-entry.ts'
import type { JobArchive } from './jobs/job-archive.ts'
import type { JobFollowing } from './jobs/job-following.ts'
import type { JobParts } from './jobs/job-parts.ts'
import type { Scrubbing } from './log-scrub.ts'
import type { RecordDesk } from './record/index.ts'
import type { Sampler } from './samples.ts'
import type { SharedJobs, Shares } from './sharing/index.ts'

/** What the service of a running node works on. */
export interface LocalServiceInit extends JobParts {
  readonly config: Config
  readonly name: string
  readonly account: string | undefined
  readonly cluster: Cluster
  readonly door: Door
  readonly keys: NodeKeys
  readonly coordinator: Coordinator
  readonly worker: Worker
  readonly archive: JobArchive
  readonly budget: DiskBudget
  readonly shelf: DataKeeper
  readonly random: Random
  readonly devices: () => readonly Device[]
  readonly sampler: Pick<Sampler, 'latest'>
  readonly scrubbing: Scrubbing
  readonly following: JobFollowing
  readonly shares: Shares
  readonly sharedJobs: SharedJobs
  readonly records: RecordDesk
}
