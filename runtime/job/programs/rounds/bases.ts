import { limit } from '../../../base/index.ts'
import type { RoundMember } from '../../../protocol/index.ts'
import { newestSnapshot, presentRound } from './history.ts'
import type { Turn } from './turn.ts'

/** What a replica goes on from. */
export type Beginning = Pick<RoundMember, 'base' | 'inner' | 'fromStep'>

/**
 * What a peer's replica goes on from in the present round: what it holds, or else the newest snapshot. `undefined` where it
 * cannot get there: updates on the way are with members that are gone, or are too many.
 */
export function beginningOf(turn: Turn, peer: string, mayHold = true): Beginning | undefined {
  const { state } = turn
  const { broughtTo } = turn.standing(peer)
  const known = state.history.members.get(peer)
  const snapshot = newestSnapshot(state.history)
  if (mayHold && known && broughtTo !== undefined && broughtTo >= snapshot.round && isReachable(turn, broughtTo))
    return { base: { round: broughtTo, held: true }, inner: known.inner, fromStep: stepsOf(turn, known.steps) }
  if (!isReachable(turn, snapshot.round)) return undefined
  if (known && state.freshFrom !== presentRound(state.history))
    return { base: { round: snapshot.round, held: false }, inner: known.inner, fromStep: stepsOf(turn, known.steps) }
  return anew(turn)
}

/** What a newcomer begins with, or one that has lost what it had. */
export function anew(turn: Turn): Beginning | undefined {
  const { options, state } = turn
  const snapshot = newestSnapshot(state.history)
  if (!isReachable(turn, snapshot.round)) return undefined
  const base = { round: snapshot.round, held: false }
  return options.request.rounds.replacement === 'committed' || snapshot.round === 0
    ? { base, fromStep: stepsOf(turn, snapshot.optimiserSteps) }
    : // the optimiser's tensors of what the training began with
      { base, inner: options.training.state, fromStep: stepsOf(turn, 0) }
}

/** The optimiser of all replicas steps once a round where gradients are averaged. */
function stepsOf({ state }: Turn, own: number): number {
  return state.recipe?.mode === 'gradient' ? presentRound(state.history) : own
}

/** Whether the updates of the rounds since `round` can be had, and are not too many for a shard. */
function isReachable(turn: Turn, round: number): boolean {
  const since = turn.state.history.closed.slice(round)
  return (
    since.length <= limit('roundsPerSnapshot') &&
    since.every(({ outcome }) => outcome.aggregates.every(({ at }) => turn.isHere(at)))
  )
}
