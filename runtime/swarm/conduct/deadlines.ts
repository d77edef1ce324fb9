interface Entry {
  atMs: number
  readonly late: () => void
}

/**
 * Many deadlines, each cheap to set and to call off, looked at by one sweep in regular steps. When the sweep itself
 * comes late, because this process was held up or stopped, everybody gets that time on top: it was not theirs.
 */
export class Deadlines {
  readonly #stepMs: number
  readonly #entries = new Set<Entry>()
  #sweptMs: number | undefined

  /** `stepMs` is how often {@link sweep} is meant to be called. */
  constructor(stepMs: number) {
    this.#stepMs = stepMs
  }

  /** Calls `late` from the first sweep after `atMs`, unless the returned function is called before. */
  set(atMs: number, late: () => void): () => void {
    const entry = { atMs, late }
    this.#entries.add(entry)
    return () => void this.#entries.delete(entry)
  }

  sweep(nowMs: number): void {
    const heldUpMs = this.#sweptMs === undefined ? 0 : nowMs - this.#sweptMs - this.#stepMs
    this.#sweptMs = nowMs
    for (const entry of [...this.#entries]) {
      if (heldUpMs > this.#stepMs) entry.atMs += heldUpMs
      if (entry.atMs > nowMs) continue
      this.#entries.delete(entry)
      entry.late()
    }
  }
}
