import { dropSlices, exclude } from './calling-off.ts'
import { giveUpLate } from './late.ts'
import { releaseAll } from './releases.ts'
import type { Turn } from './turn.ts'

/** The training is over: what is under way is called off. */
export function stop(turn: Turn): void {
  const { state } = turn
  for (const shard of [...state.late.keys()]) giveUpLate(turn, shard)
  if (state.open) {
    dropSlices(turn, state.open)
    for (const [index] of state.open.members.entries()) exclude(turn, state.open, index, 'round.void', 'it is over')
    state.open = undefined
  }
  releaseAll(turn)
  turn.end({ ok: true })
}
