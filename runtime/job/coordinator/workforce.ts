import type { Logger } from '../../base/index.ts'
import type { JobJournal } from '../journal/index.ts'

/**
 * The workers that a job has leased to, in whatever epoch. Each is journalled before its first lease leaves, so that a
 * later epoch knows whom to ask, and whose results of an earlier epoch to take.
 */
export class Workforce {
  readonly #job: string
  readonly #journal: Pick<JobJournal, 'append'>
  readonly #logger: Logger
  /** When the journal has it. */
  readonly #durable: Map<string, Promise<void>>

  constructor(job: string, journal: Pick<JobJournal, 'append'>, logger: Logger, peers: Iterable<string>) {
    this.#job = job
    this.#journal = journal
    this.#logger = logger
    this.#durable = new Map([...peers].map((peer) => [peer, Promise.resolve()]))
  }

  has(peer: string): boolean {
    return this.#durable.has(peer)
  }

  peers(): Iterable<string> {
    return this.#durable.keys()
  }

  /** Resolves when it is durable that this peer may be given leases. Never rejects: a full disk shows at the next part. */
  take(peer: string): Promise<void> {
    const known = this.#durable.get(peer)
    if (known) return known
    const durable = this.#journal.append({ type: 'worker', peer }).catch((error) => {
      this.#logger.warn({ job: this.#job, peer, error: String(error) }, 'a worker could not be journalled')
    })
    this.#durable.set(peer, durable)
    return durable
  }
}
