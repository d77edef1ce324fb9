import type { RoundsView } from '../../../protocol/index.ts'
import { presentRound } from './history.ts'
import { leastMembers } from './members.ts'
import type { RoundsState } from './state.ts'
import type { Turn } from './turn.ts'

/** What people are shown of where a training by rounds stands. */
export function viewOf(turn: Turn): RoundsView {
  const { state } = turn
  const waits = waitsOf(turn)
  return {
    closed: state.probe ? 0 : presentRound(state.history),
    members: state.open?.manifest.members.map(({ peer }) => peer) ?? [],
    ...(waits !== undefined && { waits }),
    ...(state.sync !== undefined && { sync: state.sync.slice(0, 1024) }),
  }
}

function waitsOf(turn: Turn): string | undefined {
  const { state, options } = turn
  if (state.open || state.isOver) return undefined
  if (state.history.position >= options.training.steps) return 'waits for the last snapshot'
  const here = hereIn(state)
  const wanted = leastMembers(turn)
  if (here < wanted)
    return `waits for ${wanted} worker${wanted === 1 ? '' : 's'}, ${here} ${here === 1 ? 'is' : 'are'} here`
  if (state.returning) return 'waits for the members of the last round to come back'
  return 'waits for members that have what the last rounds came to'
}

function hereIn({ standings }: RoundsState): number {
  return [...standings.values()].filter(({ slots }) => slots > 0).length
}
