import type { Clock } from '../../base/index.ts'
import type { FileStoreInit, LogStore, SeenEntry } from '../../log/index.ts'
import type { Signer } from '../../protocol/index.ts'
import { JobJournal } from './job-journal.ts'

/** Where the journals of a node's jobs are kept. */
export interface JournalsInit {
  /** The home of a job's log. */
  readonly home: (job: string) => LogStore | FileStoreInit
  readonly clock: Clock
  /** Signs what is journalled. */
  readonly signer: Signer
}

/** The journals of the jobs that this node coordinates: those that are open, for whoever follows or scrubs them. */
export class Journals {
  readonly #init: JournalsInit
  readonly #open = new Map<string, JobJournal>()

  constructor(init: JournalsInit) {
    this.#init = init
  }

  /** Takes a job's journal over; it is listed until it is closed. Throws `log.*`. */
  async open(job: string, seen?: SeenEntry): Promise<JobJournal> {
    const { home, clock, signer } = this.#init
    const onClosed = () => {
      if (this.#open.get(job) === journal) this.#open.delete(job)
    }
    const journal = await JobJournal.open(home(job), job, { clock, signer, onClosed, ...(seen && { seen }) })
    this.#open.set(job, journal)
    return journal
  }

  get(job: string): JobJournal | undefined {
    return this.#open.get(job)
  }

  /** By job. */
  entries(): ReadonlyMap<string, JobJournal> {
    return this.#open
  }
}
