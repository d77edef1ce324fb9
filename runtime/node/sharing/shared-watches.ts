import { type Clock, limit } from '../../base/index.ts'
import type { JobStatus } from '../../protocol/index.ts'
import type { EventBus } from '../events.ts'

/** What {@link SharedWatches} works on. */
export interface SharedWatchesInit {
  readonly clock: Clock
  readonly events: Pick<EventBus, 'publish'>
}

/**
 * Tells this node's clients how jobs of other nodes go on that they have asked for: their states become events here. When one cannot be
 * asked for any more, clients hear of a gap, ask again, and are told why.
 */
export class SharedWatches {
  readonly #init: SharedWatchesInit
  /** What stops each, by job, the oldest first. */
  readonly #stops = new Map<string, () => void>()

  constructor(init: SharedWatchesInit) {
    this.#init = init
  }

  /** Asks every `sharedWatchMs` from now on, until it has ended. One that is watched already is left so. */
  watch(job: string, ask: () => Promise<JobStatus>): void {
    if (this.#stops.has(job)) return
    const [oldest] = this.#stops.size >= limit('sharedWatches') ? this.#stops.keys() : []
    if (oldest !== undefined) this.#end(oldest)
    this.#askLater(job, ask)
  }

  /** Of all of them, without a word. */
  stop(): void {
    for (const stop of this.#stops.values()) stop()
    this.#stops.clear()
  }

  #askLater(job: string, ask: () => Promise<JobStatus>): void {
    const stop = this.#init.clock.after(limit('sharedWatchMs'), () => {
      const isWatched = () => this.#stops.get(job) === stop
      ask().then(
        (status) => {
          if (!isWatched()) return
          this.#init.events.publish({ type: 'job', status })
          if (status.state === 'running') this.#askLater(job, ask)
          else this.#stops.delete(job)
        },
        () => isWatched() && this.#end(job),
      )
    })
    this.#stops.set(job, stop)
  }

  #end(job: string): void {
    this.#stops.get(job)?.()
    this.#stops.delete(job)
    this.#init.events.publish({ type: 'gap', after: 0, oldest: 0 })
  }
}
