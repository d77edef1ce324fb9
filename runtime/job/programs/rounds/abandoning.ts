import { dropSlices, exclude, LOST } from './calling-off.ts'
import { giveUpLate } from './late.ts'
import { beginTrials } from './probing.ts'
import type { OpenRound } from './state.ts'
import { takeBack } from './taking-back.ts'
import type { Turn } from './turn.ts'

/** Rounds in a row in which nobody gave anything, each for a reason of its own, after which the training has failed. */
const FRUITLESS = 5
/** ... and after which nobody may be able to get to the present state. */
const STUCK = 2
/** ... and after which it has failed for whatever reason. */
const HOPELESS = 20

/**
 * Nothing of a round will count: its batches go back, and another one takes its place. `goesBack`: what the last one came to
 * is of no use either.
 */
export function abandon(turn: Turn, open: OpenRound, goesBack = false): void {
  dropSlices(turn, open)
  for (const [index] of open.members.entries()) exclude(turn, open, index, 'round.void', 'too few others were left')
  for (const [shard, { round }] of [...turn.state.late]) if (round === open.manifest.round) giveUpLate(turn, shard)
  turn.state.open = undefined
  const failed = open.failures.at(-1)
  if (!failed) return
  turn.state.fruitless++
  if (goesBack && turn.state.probe) beginTrials(turn)
  if ((goesBack || turn.state.fruitless >= STUCK) && takeBack(turn, failed)) return
  const isLost = failed.failures.every(({ code }) => code === LOST) // it is known now, and not asked so again
  if (turn.state.fruitless >= (isLost ? HOPELESS : FRUITLESS)) turn.end({ ok: false, ...failed })
}
