import type { Clock } from '../../base/index.ts'

/** Job states are published at most this often. */
const STATUS_MS = 100

/** Publishes the states of jobs that changed, those of a moment together. */
export class StatusFeed {
  readonly #clock: Clock
  readonly #publish: (job: string) => void
  readonly #changed = new Set<string>()
  #due = false

  constructor(clock: Clock, publish: (job: string) => void) {
    this.#clock = clock
    this.#publish = publish
  }

  /** The job changed: its state is published soon. */
  touch(job: string): void {
    this.#changed.add(job)
    if (this.#due) return
    this.#due = true
    this.#clock.after(STATUS_MS, () => {
      this.#due = false
      for (const changed of this.#changed) this.#publish(changed)
      this.#changed.clear()
    })
  }

  /** Publishes the job's state at once. */
  flush(job: string): void {
    this.#changed.delete(job)
    this.#publish(job)
  }
}
