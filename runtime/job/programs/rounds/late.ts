import type { Digest } from '../../../base/index.ts'
import { presentRound } from './history.ts'
import { leftOut } from './left-out.ts'
import type { Contribution } from './state.ts'
import type { Turn } from './turn.ts'

/** A late member is not waited for any more: its batches go back, and its shard is of no use. */
export function giveUpLate(turn: Turn, shard: Digest, code = 'round.late', message = 'it was not done in time'): void {
  const { state } = turn
  const late = state.late.get(shard)
  if (!late) return
  state.late.delete(shard)
  state.account.giveBack(late.batches)
  state.open?.excluded.push(leftOut(late.peer, code, `of round ${late.round}: ${message}`))
  if (late.arrived) turn.release(shard)
  else turn.cancel(shard)
}

/** What came late and can count now, with what its weight is multiplied by; gives up what never will. */
export function arrivals(
  turn: Turn,
  slices: readonly number[],
): { readonly contribution: Contribution; readonly factor: number }[] {
  const { state, options } = turn
  const rule = options.request.rounds.late
  if (rule.rule === 'return') return []
  const round = presentRound(state.history)
  const found = []
  for (const [shard, late] of [...state.late]) {
    const { arrived: contribution, commitment } = late
    const age = round - late.round
    if (age > rule.maxAge) giveUpLate(turn, shard)
    else if (late.slices.join() !== slices.join()) giveUpLate(turn, shard, 'round.cut', 'slices are cut otherwise now')
    else if (!turn.isHere(late.peer)) giveUpLate(turn, shard, 'round.gone', 'it left')
    else if (contribution && commitment !== undefined && contribution.commitment !== commitment)
      giveUpLate(turn, shard, 'replica.diverged', 'it began with another state than the others')
    else if (contribution && age > 0) found.push({ contribution, factor: rule.factor ** age })
  }
  const key = ({ counted }: Contribution) => [counted.round, counted.peer] as const
  return found.sort((a, b) => {
    const [[roundA, peerA], [roundB, peerB]] = [key(a.contribution), key(b.contribution)]
    return roundA - roundB || (peerA < peerB ? -1 : 1)
  })
}
