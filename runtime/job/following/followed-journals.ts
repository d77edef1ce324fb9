import { type AividaError, type Logger, limit, userError } from '../../base/index.ts'
import type { LogStore } from '../../log/index.ts'
import { type JournalHead, termOf } from '../../protocol/index.ts'
import { type FollowedJob, FollowedJournal } from './followed-journal.ts'

/** Where copies of journals are kept. */
export interface FollowedPlaces {
  /** The home of a job's copy, made when missing. */
  home(job: string): LogStore
  /** Jobs of which there is a copy. */
  list(): Promise<readonly string[]>
  /** Removes a copy. */
  remove(job: string): Promise<void>
  /** Makes a copy the journal of a job that this node coordinates. */
  promote(job: string): Promise<void>
}

/** The copies of journals that this node keeps: bounded in number and bytes, those of ended jobs go first. */
export class FollowedJournals {
  readonly #places: FollowedPlaces
  readonly #logger: Logger
  readonly #open = new Map<string, FollowedJournal>()
  readonly #refused = new Set<string>()
  /** Copies that are being made journals of this node: they have one writer, and it is not a follower. */
  readonly #promoting = new Set<string>()

  private constructor(places: FollowedPlaces, logger: Logger) {
    this.#places = places
    this.#logger = logger
  }

  /** Takes up the copies of an earlier run. One that is damaged is left out, and logged. */
  static async open(places: FollowedPlaces, logger: Logger): Promise<FollowedJournals> {
    const followed = new FollowedJournals(places, logger)
    for (const job of await places.list()) {
      try {
        const journal = await FollowedJournal.open(places.home(job), job)
        if (journal) followed.#open.set(job, journal)
      } catch (error) {
        logger.error({ job, error: String(error) }, 'the copy of a journal could not be taken up again')
      }
    }
    return followed
  }

  get(job: string): FollowedJob | undefined {
    return this.#open.get(job)?.view
  }

  all(): FollowedJob[] {
    return [...this.#open.values()].map((journal) => journal.view)
  }

  /** What is held of a coordinator's journals. */
  headsOf(peer: string): JournalHead[] {
    return this.all()
      .filter(({ from, head }) => from === peer && head.seq > 0)
      .map(({ job, head }) => ({ job, ...head }))
  }

  journal(job: string): FollowedJournal | undefined {
    return this.#open.get(job)
  }

  /**
   * The copy to go on with for a head that `peer` announced, begun when there is none; `undefined` when it is not
   * followed: another node is known as its coordinator, this one is becoming it, or there is no room.
   */
  async begin(peer: string, head: JournalHead): Promise<FollowedJournal | undefined> {
    if (this.#promoting.has(head.job)) return undefined
    const known = this.#open.get(head.job)
    if (known && known.from === peer) return known
    if (known) {
      if (termOf(known.view.head.epoch) >= termOf(head.epoch)) return undefined
      await this.remove(head.job) // adopted by `peer`: its journal is the one that counts
    }
    if (!(await this.#hasRoom(head.job))) return undefined
    const journal = await FollowedJournal.open(this.#places.home(head.job), head.job, peer)
    if (journal) this.#open.set(head.job, journal)
    return journal
  }

  async #hasRoom(job: string): Promise<boolean> {
    const isFull = () =>
      this.#open.size >= limit('followedJobs') ||
      this.all().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) >= limit('followedBytes')
    for (const { job: old, ended } of this.all()) {
      if (!isFull()) break
      if (ended) await this.remove(old)
    }
    if (!isFull()) return true
    if (!this.#refused.has(job))
      this.#logger.warn({ job, followed: this.#open.size }, 'a journal is not followed: no room')
    if (this.#refused.size < limit('jobsPerNode')) this.#refused.add(job)
    return false
  }

  async remove(job: string): Promise<void> {
    const journal = this.#open.get(job)
    this.#open.delete(job)
    await journal?.close()
    await this.#places.remove(job)
  }

  /**
   * Hands a copy over to whoever makes it the job's journal: it is closed, worked on by `work` in its place, and then
   * moved to where this node's own are. It stays a copy when the work fails. Throws `adopt.no-journal`, and as `work`.
   */
  async promote(job: string, work: (home: LogStore, followed: FollowedJob) => Promise<void>): Promise<void> {
    const journal = this.#open.get(job)
    if (!journal) throw noJournal(job)
    this.#open.delete(job)
    this.#promoting.add(job)
    try {
      await journal.close()
      await work(this.#places.home(job), journal.view)
      await this.#places.promote(job)
    } catch (error) {
      const again = await FollowedJournal.open(this.#places.home(job), job, journal.from).catch(() => undefined)
      if (again) this.#open.set(job, again)
      throw error
    } finally {
      this.#promoting.delete(job)
    }
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()]
    this.#open.clear()
    await Promise.all(open.map((journal) => journal.close()))
  }
}

/** `adopt.no-journal`: nothing is known here of a job. */
export function noJournal(job: string): AividaError {
  return userError(
    'adopt.no-journal',
    `there is no copy of the journal of ${job} here, and no node of its account that coordinates it is connected; adopt it on a node that was connected to its coordinator while it ran, or bring that one back`,
    { job },
  )
}
