import { beginningOf } from './bases.ts'
import { exclude } from './collecting.ts'
import { newestSnapshot, presentRound, removeRound } from './history.ts'
import { giveUpLate } from './late.ts'
import { askAnew, reopenRound } from './opening.ts'
import { failSnapshot } from './snapshots.ts'
import type { OpenRound } from './state.ts'
import type { Turn } from './turn.ts'

/**
 * The last round is done again where nobody can have what it came to: who reduced it is gone, or gives nothing, and all
 * others are in the state before it. They still have what they gave, and are not asked to learn it anew. Its batches count
 * with the outcome that comes of that; the one before is void. Says whether there was anything to take back.
 */
export function takeBack(turn: Turn): boolean {
  const { state } = turn
  const { history } = state
  const round = presentRound(history)
  const isOnce = state.takenBack === round - 1
  if (round === 0 || isOnce || state.probe || history.snapshots.has(round)) return false
  if (state.snapshot) failSnapshot(turn, state.snapshot.shard, [])
  state.takenBack = round - 1
  const { manifest, outcome } = removeRound(history)
  for (const { batches } of outcome.counted) state.account.giveBack(batches)
  for (const shard of [...state.late.keys()]) giveUpLate(turn, shard)
  for (const standing of state.standings.values()) if (standing.broughtTo === round) standing.broughtTo = round - 1
  reopenRound(turn, manifest)
  if (state.open) refreshBases(turn, state.open)
  return true
}

/** What members began with may have been let go of since there is a newer snapshot. */
function refreshBases(turn: Turn, open: OpenRound): void {
  const newest = newestSnapshot(turn.state.history).round
  for (const [index, { peer, base }] of open.manifest.members.entries()) {
    if (base.held || base.round === newest || open.members[index]?.status !== 'asked') continue
    const beginning = beginningOf(turn, peer, false)
    if (beginning) askAnew(turn, open, index, beginning)
    else exclude(turn, open, index, 'replica.lost', 'it cannot get to the state that this round begins with')
  }
}
