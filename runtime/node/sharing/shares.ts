import { AividaError, limit, userError } from '../../base/index.ts'
import type { Coordinator } from '../../job/coordinator/index.ts'
import type { Journals } from '../../job/journal/index.ts'
import type { JobStatus, ResultPart } from '../../protocol/index.ts'
import type { EventBus } from '../events.ts'
import type { JobArchive } from '../jobs/job-archive.ts'

/** What {@link Shares} works on. */
export interface SharesInit {
  readonly coordinator: Pick<Coordinator, 'status' | 'jobs' | 'parts' | 'share' | 'noteShares'>
  readonly archive: Pick<JobArchive, 'load' | 'keep' | 'statuses'>
  readonly journals: Pick<Journals, 'open'>
  readonly events: Pick<EventBus, 'publish'>
}

/**
 * Which accounts may read which of this node's jobs. A share is an entry of the job's journal, signed as all of them are: it
 * outlives restarts, and goes with the job to a node that adopts it.
 */
export class Shares {
  readonly #init: SharesInit
  /** Changes wait for each other, since each is made of the one before. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(init: SharesInit) {
    this.#init = init
  }

  /**
   * Lets the nodes of an account read a job of this node, or no longer; what is so already is left so. Answers with its state
   * afterwards; `undefined`: there is no such job here. Throws `share.own`, `share.too-many`, `job.adopted`, `job.ending`, `log.*`.
   */
  set(job: string, account: string, mayRead: boolean): Promise<JobStatus | undefined> {
    const changed = this.#last.then(() => this.#set(job, account, mayRead))
    this.#last = changed.catch(() => {})
    return changed
  }

  /** A job of this node that an account may read: its own, and those that were shared with it. */
  async readable(job: string, account: string): Promise<JobStatus | undefined> {
    const status = await this.#statusOf(job)
    return status && mayRead(status, account) ? status : undefined
  }

  /** All of them, newest first. */
  allReadable(account: string): JobStatus[] {
    const { coordinator, archive } = this.#init
    const live = coordinator.jobs()
    const known = new Set(live.map(({ job }) => job))
    return [...live, ...archive.statuses().filter(({ job }) => !known.has(job))]
      .filter((status) => mayRead(status, account))
      .sort((a, b) => b.createdWallMs - a.createdWallMs)
  }

  /** Its parts so far. */
  async parts(job: string): Promise<readonly ResultPart[]> {
    const { coordinator, archive } = this.#init
    return coordinator.parts(job) ?? (await archive.load(job))?.parts ?? []
  }

  async #statusOf(job: string): Promise<JobStatus | undefined> {
    const { coordinator, archive } = this.#init
    return coordinator.status(job) ?? (await archive.load(job))?.status
  }

  async #set(job: string, account: string, isShared: boolean): Promise<JobStatus | undefined> {
    const status = await this.#statusOf(job)
    if (!status) return undefined
    if (status.state === 'adopted')
      throw userError('job.adopted', `${job} goes on at ${status.adoption?.by}; share it there`, { job })
    const { sharedWith = [] } = status
    if (isShared && status.account === account)
      throw userError(
        'share.own',
        `${job} belongs to ${account} itself, whose nodes read it already; share it with the account of somebody else`,
      )
    if (sharedWith.includes(account) === isShared) return status
    const accounts = isShared ? [...sharedWith, account] : sharedWith.filter((each) => each !== account)
    if (accounts.length > limit('sharesPerJob'))
      throw userError(
        'share.too-many',
        `${job} is shared with ${sharedWith.length} accounts, the most there can be; take one back first: aivida jobs share ${job} ACCOUNT --revoke`,
      )
    if (!(await this.#init.coordinator.share(job, accounts))) await this.#noteBesideEnd(job, accounts)
    return this.#statusOf(job)
  }

  /** A job that has ended: its journal is opened once more. */
  async #noteBesideEnd(job: string, accounts: readonly string[]): Promise<void> {
    const { coordinator, archive, journals, events } = this.#init
    const ended = await archive.load(job)
    if (!ended) throw isEnding(job)
    const journal = await journals.open(job)
    try {
      await journal.append({ type: 'shared', accounts: [...accounts] })
    } finally {
      await journal.close()
    }
    coordinator.noteShares(job, accounts)
    const { sharedWith: _, ...before } = ended.status
    const status: JobStatus = { ...before, ...(accounts.length > 0 && { sharedWith: [...accounts] }) }
    await archive.keep(status, ended.parts)
    events.publish({ type: 'job', status })
  }
}

function mayRead({ account, sharedWith = [] }: JobStatus, reader: string): boolean {
  return account === reader || sharedWith.includes(reader)
}

function isEnding(job: string): AividaError {
  return new AividaError({
    code: 'job.ending',
    category: 'user',
    message: `${job} is just ending; share it in a moment`,
    retryable: true,
  })
}
