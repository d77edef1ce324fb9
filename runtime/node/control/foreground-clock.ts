import { type Clock, systemClock } from '../../base/index.ts'

/** The machine's clock for programs that may have nothing else to wait for: its timers keep the process alive. */
export const foregroundClock: Clock = {
  ...systemClock,
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs)
    return () => clearTimeout(timer)
  },
}
