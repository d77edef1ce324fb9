import type { Clock } from '../../runtime/base/clock.ts'
import { EventQueue } from '../simulation/event-queue.ts'

/** A clock that stands still until told to move: minutes of protocol time pass in microseconds, always the same way. */
export class VirtualClock implements Clock {
  #nowMs = 0
  #wallOffsetMs: number
  #pending = 0
  readonly #timers = new EventQueue()

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
    let waits = true
    const settled = () => {
      if (waits) this.#pending--
      waits = false
    }
    this.#pending++
    const callOff = this.#timers.add(this.#nowMs + Math.max(0, delayMs), () => {
      settled()
      fn()
    })
    return () => {
      settled()
      callOff()
    }
  }

  turn(): Promise<void> {
    return settle()
  }

  /** Timers set and neither run nor called off: 0 when everything was stopped properly. */
  get pending(): number {
    return this.#pending
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

  #runNext(untilMs: number): boolean {
    let due = this.#timers.take(untilMs)
    while (due?.isOff) due = this.#timers.take(untilMs)
    if (due === undefined) return false
    this.#nowMs = due.atMs
    due.fn()
    return true
  }
}

/** One turn of the event loop: every promise that can settle without new I/O has settled. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
