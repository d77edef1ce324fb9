import type { Clock } from '../../runtime/base/clock.ts'

/** A clock that stands still until told to move: minutes of protocol time pass in microseconds, always the same way. */
export class VirtualClock implements Clock {
  #nowMs = 0
  #wallOffsetMs: number
  #order = 0
  readonly #timers = new Map<number, { atMs: number; fn: () => void }>()

  /** `wallMs` is the wall time at the start, ms since the Unix epoch. Default: 2026-01-01T00:00:00Z. */
  constructor(wallMs = Date.UTC(2026, 0, 1)) {
    this.#wallOffsetMs = wallMs
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.#nowMs
  }

  monoMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, fn: () => void): () => void {
    const id = this.#order++
    this.#timers.set(id, { atMs: this.#nowMs + Math.max(0, delayMs), fn })
    return () => void this.#timers.delete(id)
  }

  turn(): Promise<void> {
    return settle()
  }

  /** Timers set and neither run nor called off: 0 when everything was stopped properly. */
  get pending(): number {
    return this.#timers.size
  }

  /** Jumps the wall clock alone, as an operator or NTP does. */
  setWallMs(wallMs: number): void {
    this.#wallOffsetMs = wallMs - this.#nowMs
  }

  /** Moves time by `ms` and runs what falls due, in order of time, then of setting; timers set meanwhile included. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    while (this.#runNext(endMs));
    this.#nowMs = endMs
  }

  /** Like {@link advance}, but lets promises and pending I/O callbacks settle before, between and after the timers. */
  async advanceAsync(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    do await settle()
    while (this.#runNext(endMs))
    this.#nowMs = endMs
  }

  #runNext(endMs: number): boolean {
    let dueId: number | undefined
    let dueMs = Number.POSITIVE_INFINITY
    for (const [id, { atMs }] of this.#timers) if (atMs < dueMs) [dueId, dueMs] = [id, atMs]
    if (dueId === undefined || dueMs > endMs) return false
    const { fn } = this.#timers.get(dueId)!
    this.#timers.delete(dueId)
    this.#nowMs = dueMs
    fn()
    return true
  }
}

/** One turn of the event loop: every promise that can settle without new I/O has settled. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
