/** Runs things at their time, to the millisecond, with one timer for all of them. */
export class Timeline {
  readonly #slots = new Map<number, (() => void)[]>()
  #cursor = 0
  #timer: NodeJS.Timeout | undefined

  /** Milliseconds since an arbitrary start. */
  now(): number {
    return performance.now()
  }

  at(atMs: number, fn: () => void): void {
    const now = this.now()
    if (this.#slots.size === 0) this.#cursor = Math.floor(now)
    const slot = Math.max(this.#cursor, Math.ceil(atMs))
    const waiting = this.#slots.get(slot)
    if (waiting) waiting.push(fn)
    else this.#slots.set(slot, [fn])
    this.#timer ??= setTimeout(() => this.#run(), 1)
  }

  #run(): void {
    this.#timer = undefined
    const now = this.now()
    while (this.#cursor <= now && this.#slots.size > 0) {
      const due = this.#slots.get(this.#cursor)
      this.#slots.delete(this.#cursor++) // what is set for this very moment goes into the next slot
      for (const fn of due ?? []) fn()
    }
    if (this.#slots.size > 0) this.#timer ??= setTimeout(() => this.#run(), 1)
  }
}
