import { leftOut } from './left-out.ts'
import { noteFailure } from './members.ts'
import type { OpenRound } from './state.ts'
import type { Turn } from './turn.ts'
import { UNREADABLE } from './unreadable.ts'

/** A member said that its replica is not where the round begins. */
export const LOST = 'replica.lost'
/** A member began with another state than most others. */
export const DISAGREES = 'replica.diverged'
/** Why a member does not count though it did nothing wrong. */
const BLAMELESS = ['round.gone', 'round.void', UNREADABLE]

/** A member does not count in this round: its batches go back, and what it gave is of no use. */
export function exclude(
  turn: Turn,
  open: OpenRound,
  index: number,
  code: string,
  message: string,
  isToBlame = !BLAMELESS.includes(code),
): void {
  const { peer, shard, batches } = open.manifest.members[index]!
  const { status } = open.members[index]!
  if (status === 'out' || status === 'late') return
  open.members[index] = { status: 'out' }
  open.excluded.push(leftOut(peer, code, message))
  turn.state.account.giveBack(batches)
  if (turn.state.kept.has(shard)) turn.release(shard)
  else turn.cancel(shard)
  if ([DISAGREES, LOST, UNREADABLE].includes(code)) turn.standing(peer).broughtTo = undefined
  if (isToBlame) noteFailure(turn, peer, code === 'round.late')
}

/** Slices that were asked for are of no use any more. */
export function dropSlices(turn: Turn, { reducing }: OpenRound): void {
  for (const { shard, aggregate } of reducing?.slices ?? []) {
    if (aggregate) turn.release(shard)
    else turn.cancel(shard)
  }
}

/** The snapshot that was asked for is called off, and due again. */
export function putOffSnapshot(turn: Turn): void {
  const { state } = turn
  const { snapshot } = state
  if (!snapshot) return
  if (state.kept.has(snapshot.shard)) turn.release(snapshot.shard)
  else turn.cancel(snapshot.shard)
  state.snapshot = undefined
  state.due = { measured: snapshot.measured || (state.due?.measured ?? false) }
}
