import { abortable, aborted, type Clock } from '../../base/index.ts'

/**
 * Work that several want at once: it is done once, goes on while anybody wants it, and for `lingerMs` longer, since who
 * called it off may want it again at once. Bringing a model to a worker is such work: the shards of a job come and go.
 */
export class SharedWork<T> {
  readonly #clock: Clock
  readonly #lingerMs: number
  readonly #abort = new AbortController()
  readonly #result: Promise<T>
  #wanted = 0
  #stopLingering: () => void = () => {}
  #settled = false

  /** `work` begins once the caller is done with what it is doing, and ends when its signal fires. */
  constructor(clock: Clock, lingerMs: number, work: (signal: AbortSignal) => Promise<T>) {
    this.#clock = clock
    this.#lingerMs = lingerMs
    this.#result = Promise.resolve().then(() => work(this.#abort.signal))
    const settle = () => {
      this.#settled = true
      this.#stopLingering()
    }
    this.#result.then(settle, settle)
  }

  /** Whether there is nothing to join any more. */
  get over(): boolean {
    return this.#settled || this.#abort.signal.aborted
  }

  /** What comes of it. Throws what the work throws, and `aborted` as soon as the signal fires. */
  async join(signal: AbortSignal): Promise<T> {
    this.#wanted++
    this.#stopLingering()
    try {
      return await abortable(this.#result, signal)
    } finally {
      if (--this.#wanted === 0 && !this.#settled)
        this.#stopLingering = this.#clock.after(this.#lingerMs, () => this.stop())
    }
  }

  /** Ends it, whoever wants it. */
  stop(): void {
    this.#stopLingering()
    this.#abort.abort(aborted('nobody wants this any more'))
  }
}
