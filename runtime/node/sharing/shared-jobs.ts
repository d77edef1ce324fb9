import { type AividaError, deadline, isAividaError, limit, peerError, userError } from '../../base/index.ts'
import {
  type JobRecordDocument,
  type JobStatus,
  jobIdSchema,
  peerIdSchema,
  type ResultPart,
  type SharedRecord,
  sharedJobsCodec,
  sharedRecordCodec,
} from '../../protocol/index.ts'
import { ShareRequests, type ShareRequestsInit } from './share-requests.ts'
import { type FetchedFiles, SharedFiles, type SharedFilesInit } from './shared-files.ts'
import { SharedWatches, type SharedWatchesInit } from './shared-watches.ts'

/** What {@link SharedJobs} works on. */
export interface SharedJobsInit extends ShareRequestsInit, Omit<SharedFilesInit, 'requests'>, SharedWatchesInit {
  /** Members that are about, in the order to ask them. */
  readonly here: () => readonly string[]
}

/** A job, and the node to ask for it where that was said. */
export interface JobReference {
  readonly job: string
  readonly node?: string
}

/** Reads `JOB` or `JOB@NODE`; `undefined` for what is neither. */
export function parseJobReference(text: string): JobReference | undefined {
  const [job, node, ...rest] = text.split('@')
  if (!jobIdSchema.safeParse(job).success || rest.length > 0) return undefined
  if (node === undefined) return { job: job! }
  return peerIdSchema.safeParse(node).success ? { job: job!, node } : undefined
}

/** Another node's job, as it is read here. */
interface Found {
  readonly node: string
  readonly status: JobStatus
}

/** Reads jobs of other nodes that this node's account may read. */
export class SharedJobs {
  readonly #init: SharedJobsInit
  readonly #requests: ShareRequests
  readonly #files: SharedFiles
  readonly #watches: SharedWatches
  /** Who has the jobs that were read or listed here, the oldest first. */
  readonly #nodes = new Map<string, string>()
  /** The last of these, as they were read last. */
  readonly #recent = new Map<string, JobStatus>()

  constructor(init: SharedJobsInit) {
    this.#init = init
    this.#requests = new ShareRequests(init)
    this.#files = new SharedFiles({ ...init, requests: this.#requests })
    this.#watches = new SharedWatches(init)
  }

  /**
   * Where a job stands, from the node that has it; `outputDir` is where its files are kept here. `undefined` where no node is named
   * and none that is here has it, for this account. While it goes on, its states are events of this node from now on. Throws
   * `job.unknown` where a node is named, `share.*`.
   */
  async status(reference: JobReference): Promise<JobStatus | undefined> {
    const found = await this.#find(reference)
    if (found?.status.state === 'running') {
      const { node, status } = found
      this.#watches.watch(status.job, async () => (await this.#read(node, status.job)).status)
    }
    return found?.status
  }

  /** How it has gone so far. Throws as {@link status} does. */
  async record(reference: JobReference): Promise<JobRecordDocument | undefined> {
    const found = await this.#find(reference)
    return found && (await this.#recordAt(found)).record
  }

  /**
   * Brings its result here: parts so far and, once it has ended, the model and states that it has left. Answers when all is here, or
   * after `waitMs` with how far it is; it goes on meanwhile. Throws as {@link status} does, `blob.*`, `disk.*`, `share.ended`.
   */
  async fetch(reference: JobReference, waitMs: number): Promise<FetchedFiles | undefined> {
    const found = await this.#find(reference)
    return found && this.#files.fetch(found.status.job, found.node, () => this.#recordAt(found), waitMs)
  }

  /** Its parts so far, whose files are here by then: names in its folder. Throws as {@link fetch} does. */
  async parts(reference: JobReference): Promise<readonly ResultPart[] | undefined> {
    const found = await this.#find(reference)
    if (!found) return undefined
    const told = await this.#recordAt(found)
    await this.#files.fetchAll(found.status.job, found.node, told)
    return told.record.parts
  }

  /** Gives up what is on its way; what has arrived stays. */
  stop(): void {
    this.#watches.stop()
    this.#files.stop()
  }

  /** Jobs that were read lately, as they stood then: whoever follows one begins with that. */
  recent(): JobStatus[] {
    return [...this.#recent.values()]
  }

  /** All jobs of the members that are here that this account may read, newest first; a member that does not answer is left out. */
  async list(): Promise<JobStatus[]> {
    const { clock, here, proofs } = this.#init
    if (proofs.own === undefined) return []
    const signal = deadline(clock, limit('sharedFindMs'))
    const asked = here().slice(0, limit('sharedAsked'))
    const answers = await Promise.all(
      asked.map(async (node) => {
        try {
          const { body } = await this.#requests.ask(node, { type: 'jobs' }, 'jobs', signal)
          return sharedJobsCodec.decode(body).jobs.map((status) => this.#asRead(status, node))
        } catch {
          return [] // one that is older, or away: whoever misses a job asks for it by its node
        }
      }),
    )
    const found = answers.flat().sort((a, b) => b.createdWallMs - a.createdWallMs)
    // Once its node is away it is still known whom to wait for. Who was read from stays: anybody may list an id.
    for (const { job, sharedBy } of found)
      if (sharedBy && !this.#nodes.has(job)) remember(this.#nodes, job, sharedBy.node, limit('sharedBlobs'))
    return found
  }

  async #recordAt({ node, status: { job } }: Found): Promise<SharedRecord> {
    const { body } = await this.#requests.ask(node, { type: 'record', job }, 'record')
    const told = sharedRecordCodec.decode(body)
    if (told.record.job !== job) throw otherJob(node, job, told.record.job)
    return told
  }

  async #find({ job, node: named }: JobReference): Promise<Found | undefined> {
    const { self } = this.#init.swarm
    if (named === self) return undefined
    const known = named ?? this.#nodes.get(job) ?? (await this.list()).find((each) => each.job === job)?.sharedBy?.node
    if (known === undefined) return undefined
    const found = await this.#read(known, job)
    // Whoever adopted it has read all of its journal, its shares among that.
    const by = found.status.state === 'adopted' ? found.status.adoption?.by : undefined
    if (by === undefined || by === self || by === known) return found
    return this.#read(by, job)
  }

  async #read(node: string, job: string): Promise<Found> {
    const { reply } = await this.#requests.ask(node, { type: 'status', job }, 'status').catch((error) => {
      this.#recent.delete(job)
      if (isAividaError(error, 'job.unknown')) this.#nodes.delete(job)
      throw error
    })
    if (reply.status.job !== job) throw otherJob(node, job, reply.status.job)
    const status = this.#asRead(reply.status, node)
    remember(this.#nodes, job, node, limit('sharedBlobs'))
    remember(this.#recent, job, status, limit('sharedWatches'))
    return { node, status }
  }

  /** A status as it is told here. */
  #asRead({ sharedWith: _, ...status }: JobStatus, node: string): JobStatus {
    const { nameOf } = this.#init
    return { ...status, outputDir: this.#files.folderOf(status.job), sharedBy: { node, name: nameOf(node) } }
  }
}

/** `share.read-only`, of what a reader may not do with a job. */
export function readOnly({ job, account, sharedBy }: JobStatus): AividaError {
  const at = sharedBy?.name ? `${sharedBy.name} (${sharedBy.node})` : sharedBy?.node
  return userError(
    'share.read-only',
    `${job} is a job of ${account} at ${at}, and is only read here; cancelled, scaled, shared and packed it is there, by the user of that node`,
    { job, node: sharedBy?.node },
  )
}

/** Notes what a job is, and forgets the oldest. */
function remember<T>(map: Map<string, T>, job: string, what: T, most: number): void {
  map.delete(job)
  map.set(job, what)
  if (map.size > most) map.delete(map.keys().next().value as string)
}

function otherJob(node: string, asked: string, told: string): AividaError {
  return peerError('share.protocol', `${node} was asked for ${asked} and told of ${told}`)
}
