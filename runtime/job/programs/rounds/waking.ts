import { limit } from '../../../base/index.ts'
import type { RoundsState } from './state.ts'

/** How long those are waited for that alone have what the others need, ms: a restart. */
export const STUCK_MS = limit('returnMs')

/** When time alone will have something to say to a training by rounds: the next of its deadlines after `nowMs`. */
export function wakeAt(state: RoundsState, nowMs: number): number | undefined {
  const { open, snapshot, returning, stuckSinceMs, isOver } = state
  if (isOver) return undefined
  const times = [
    open && !open.reducing ? open.deadlineMs : undefined,
    open?.reducing?.deadlineMs,
    snapshot?.deadlineMs,
    returning?.untilMs,
    stuckSinceMs === undefined ? undefined : stuckSinceMs + STUCK_MS,
  ]
  const ahead = times.filter((time): time is number => time !== undefined && time > nowMs)
  return ahead.length > 0 ? Math.min(...ahead) : undefined
}
