import { beginningOf } from './bases.ts'
import { exclude, LOST, putOffSnapshot } from './calling-off.ts'
import { type ClosedRound, newestSnapshot, presentRound, removeRound } from './history.ts'
import { giveUpLate } from './late.ts'
import { askAnew, reopenRound } from './opening.ts'
import type { Failed, OpenRound } from './state.ts'
import type { Turn } from './turn.ts'
import { AT_FAULT } from './unreadable.ts'

/** Times that a training goes back without coming further than it was. */
const SETBACKS = 8

/**
 * Goes back where nobody who is here can have what the last round came to: who reduced it is gone, or gives nothing. At
 * first that round alone is done again: all others are in the state before it and still have what they gave, so nothing is
 * learned anew. Where that does not help, the training goes on from the newest snapshot. What is done again is void, its
 * batches are free again. Says whether there was anything to take back. After `SETBACKS` times because of `failed` that led
 * no further than before, the training has failed.
 */
export function takeBack(turn: Turn, failed?: Failed): boolean {
  const { state } = turn
  const { history } = state
  const round = presentRound(history)
  const snapshot = newestSnapshot(history).round
  if (round === snapshot || state.probe) return false
  if (failed && ++state.setbacks > SETBACKS) {
    turn.end({ ok: false, ...failed })
    return true
  }
  const isFirst = state.takenBack === undefined || round > state.takenBack + 1
  const target = isFirst ? round - 1 : snapshot
  putOffSnapshot(turn)
  for (const shard of [...state.late.keys()]) giveUpLate(turn, shard)
  let last: ClosedRound | undefined
  while (presentRound(history) > target) {
    last = removeRound(history)
    for (const { batches } of last.outcome.counted) state.account.giveBack(batches)
    state.named.push(...last.outcome.excluded.filter(({ code }) => code === AT_FAULT))
  }
  state.takenBack = target
  state.freshFrom = isFirst ? state.freshFrom : target
  for (const standing of state.standings.values()) {
    standing.outUntil = 0
    if ((standing.broughtTo ?? 0) > target) standing.broughtTo = isFirst ? target : undefined
  }
  if (isFirst && last) {
    reopenRound(turn, last.manifest)
    if (state.open) refreshBases(turn, state.open)
  }
  return true
}

/** What members began with may have been let go of since there is a newer snapshot. */
function refreshBases(turn: Turn, open: OpenRound): void {
  const newest = newestSnapshot(turn.state.history).round
  for (const [index, { peer, base }] of open.manifest.members.entries()) {
    if (base.held || base.round === newest || open.members[index]?.status !== 'asked') continue
    const beginning = beginningOf(turn, peer, false)
    if (beginning) askAnew(turn, open, index, beginning)
    else exclude(turn, open, index, LOST, 'it cannot get to the state that this round begins with')
  }
}
