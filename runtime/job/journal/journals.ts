import type { Clock } from '../../base/index.ts'
import type { FileStoreInit, LogStore } from '../../log/index.ts'
import type { Signer } from '../../protocol/index.ts'
import { JobJournal, type JobRecord } from './job-journal.ts'

/** Where the journals of a node's jobs are kept. */
export interface JournalsInit {
  /** The home of a job's log. */
  readonly home: (job: string) => LogStore | FileStoreInit
  readonly clock: Clock
  /** Signs what is journalled. */
  readonly signer: Signer
}

/** Journals of jobs that have ended stay open for this long while somebody follows: so that the end is copied too. */
const LINGER_MS = 2_000

/** The journals of the jobs that this node coordinates: those that are open, for whoever follows or scrubs them. */
export class Journals {
  readonly #init: JournalsInit
  readonly #open = new Map<string, JobJournal>()
  /** Journals that are being closed: whoever opens one of them waits until it is free. */
  readonly #closing = new Map<string, Promise<void>>()
  /** Journals of ended jobs that are being read. */
  readonly #reading = new Map<string, Promise<JobRecord | undefined>>()
  readonly #listeners = new Set<(job: string) => void>()

  constructor(init: JournalsInit) {
    this.#init = init
  }

  /** Takes a job's journal over; it is listed until it is closed. Throws `log.*`. */
  async open(job: string): Promise<JobJournal> {
    const { home, clock, signer } = this.#init
    await this.#open.get(job)?.close() // one that lingers
    await this.#closing.get(job)
    await this.#reading.get(job)?.catch(() => {})
    const onClosing = (free: Promise<void>) => {
      if (this.#open.get(job) !== journal) return
      this.#open.delete(job)
      const freed = free.catch(() => {}).then(() => void this.#closing.delete(job))
      this.#closing.set(job, freed)
    }
    const journal = await JobJournal.open(home(job), job, { clock, signer, onClosing })
    this.#open.set(job, journal)
    const moved = () => {
      for (const listener of this.#listeners) listener(job)
    }
    journal.log.onAppend(moved)
    moved()
    return journal
  }

  /**
   * A job's story as far as it is journalled, whether it goes on or has ended; `undefined` when it was never created here.
   * Throws `log.*`.
   */
  load(job: string): Promise<JobRecord | undefined> {
    const open = this.#open.get(job)
    if (open) return open.load()
    const reading = this.#reading.get(job) ?? this.#read(job).finally(() => this.#reading.delete(job))
    this.#reading.set(job, reading)
    return reading
  }

  /** Of a job that has ended: nobody else holds its journal. */
  async #read(job: string): Promise<JobRecord | undefined> {
    const { home, clock, signer } = this.#init
    await this.#closing.get(job)
    const journal = await JobJournal.open(home(job), job, { clock, signer })
    try {
      return await journal.load()
    } finally {
      await journal.close()
    }
  }

  /** Calls `listener` when a journal was opened, and whenever entries have become durable; returns a function that stops it. */
  onAppend(listener: (job: string) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** A job has ended, and its journal with it: it is closed, once those who follow had time to copy the end. */
  async retire(job: string): Promise<void> {
    const journal = this.#open.get(job)
    if (this.#listeners.size === 0) await journal?.close()
    else this.#init.clock.after(LINGER_MS, () => void journal?.close().catch(() => {})) // one that failed is closed already
  }

  /** Closes what is still open. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#open.values()].map((journal) => journal.close()))
  }

  get(job: string): JobJournal | undefined {
    return this.#open.get(job)
  }

  /** By job. */
  entries(): ReadonlyMap<string, JobJournal> {
    return this.#open
  }
}
