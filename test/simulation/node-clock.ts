import type { Clock } from '../../runtime/base/index.ts'
import { type Life, never, type World } from './world.ts'

/** How a machine's clocks go wrong. */
export interface ClockFaults {
  /** How fast its oscillator runs: 1.0005 gains 43 s a day. */
  readonly rate: number
  /** What its wall clock is off by, ms; changes when somebody or NTP sets it. */
  skewMs: number
}

/** What a timer sleeps at least, ms: of less a sum would lose all, and time would stand still around it. */
const GRAIN_MS = 0.001

const EPOCH_MS = Date.UTC(2026, 0, 1)

/** The clock as one process sees it. Monotonic time starts with the process and drifts; the wall clock may jump. */
export function nodeClock(world: World, life: Life, faults: ClockFaults): Clock {
  const after = (delayMs: number, fn: () => void) =>
    world.after((delayMs > 0 ? Math.max(GRAIN_MS, delayMs) : 0) / faults.rate, fn, life.site, life)
  return {
    wallMs: () => Math.floor(EPOCH_MS + world.nowMs * faults.rate + faults.skewMs),
    monoMs: () => (world.nowMs - life.bornMs) * faults.rate,
    after: (delayMs, fn) => (life.isAlive ? after(delayMs, fn) : () => {}),
    turn: () => (life.isAlive ? new Promise((resolve) => void after(0, resolve)) : never()),
  }
}
