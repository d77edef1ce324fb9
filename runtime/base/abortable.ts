import type { Clock } from './clock.ts'
import { aborted } from './errors.ts'

/** Waits for the promise no longer than the signal allows; the promise itself goes on. Throws `aborted`. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(aborted(undefined, signal.reason))
    if (signal.aborted) {
      promise.catch(() => {})
      return onAbort()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

/** A time limit joined with the caller's signal. */
export interface TimeLimit {
  readonly signal: AbortSignal
  /** Whether it was the time, and not the caller, that ended it. */
  readonly passed: boolean
  clear(): void
}

/** A signal that fires after `limitMs` or together with `signal`; {@link TimeLimit.clear} it when the work is done. */
export function timeLimit(clock: Clock, limitMs: number, signal?: AbortSignal): TimeLimit {
  const controller = new AbortController()
  let passed = false
  const cancel = clock.after(limitMs, () => {
    passed = true
    controller.abort()
  })
  const onAbort = () => controller.abort(signal?.reason)
  if (signal?.aborted) onAbort()
  else signal?.addEventListener('abort', onAbort, { once: true })
  return {
    signal: controller.signal,
    get passed() {
      return passed
    },
    clear() {
      cancel()
      signal?.removeEventListener('abort', onAbort)
    },
  }
}
