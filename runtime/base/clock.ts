import { aborted, timedOut } from './errors.ts'
import { limit } from './limits.ts'

/**
 * The one source of time. `monoMs` never goes back and is what every deadline is counted in; `wallMs` is for people
 * and for documents that cross machines. The simulator brings its own.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  wallMs(): number
  /** Milliseconds since an arbitrary start; never goes back. */
  monoMs(): number
  /** Runs `fn` once after `delayMs`; the returned function calls it off. Does not keep the process alive. */
  after(delayMs: number, fn: () => void): () => void
  /** Resolves once all other work that is ready now has had its turn. */
  turn(): Promise<void>
}

/** The machine's own clock. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, Math.min(delayMs, 2 ** 31 - 1))
    timer.unref()
    return () => clearTimeout(timer)
  },
  turn: () => new Promise((resolve) => setImmediate(resolve)),
}

/** A wall time for messages: ISO 8601, also for the times that peers make up and no calendar has. */
export function wallTimeText(wallMs: number): string {
  const date = new Date(wallMs)
  return Number.isNaN(date.getTime()) ? `${wallMs} ms after 1970` : date.toISOString()
}

/** Whether what another machine dated has ended by this one's clock, which may differ by the limit `clockSkewMs`. */
export function hasEnded(endWallMs: number, nowWallMs: number): boolean {
  return endWallMs + limit('clockSkewMs') <= nowWallMs
}

/** Runs `fn` every `periodMs` until the returned function is called. */
export function every(clock: Clock, periodMs: number, fn: () => void): () => void {
  let cancel = clock.after(periodMs, tick)
  let stopped = false
  function tick(): void {
    if (stopped) return
    cancel = clock.after(periodMs, tick)
    fn()
  }
  return () => {
    stopped = true
    cancel()
  }
}

/** Resolves after `delayMs`; rejects with `aborted` when the signal fires first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted())
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    const onAbort = () => {
      cancel()
      reject(aborted())
    }
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** A signal that fires after `limitMs` of this clock, or with `signal`. */
export function deadline(clock: Clock, limitMs: number, signal?: AbortSignal): AbortSignal {
  const controller = new AbortController()
  clock.after(limitMs, () => controller.abort(timedOut('the operation', limitMs)))
  return signal ? AbortSignal.any([signal, controller.signal]) : controller.signal
}
