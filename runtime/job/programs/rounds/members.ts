import type { Aggregation } from '../../../protocol/index.ts'
import type { AvailableWorker } from '../../scheduler/index.ts'
import { type Beginning, beginningOf } from './bases.ts'
import { presentRound } from './history.ts'
import { giveUpLate } from './late.ts'
import type { Turn } from './turn.ts'

/** Rounds in a row that a peer may fail before it is left out ... */
const FAILURES = 3
/** ... for so many rounds. */
const ROUNDS_OUT = 8
/** For so long a peer that did not come in time is not asked: one that is gone is known to be silent by then, ms. */
const REST_MS = 1_000
/** What a peer that came late is taken to be slower by than its receipts say. */
const SLOWER = 0.6

/** A peer that can take part in the next round. */
export interface Candidate {
  readonly peer: string
  readonly beginning: Beginning
}

/**
 * Who can take part in the next round: all that are here, no more than the job wants, those of the last round first and
 * in its order. Asks for a snapshot where somebody waits for one.
 */
export function candidates(turn: Turn): Candidate[] {
  const { state, options } = turn
  const last = state.history.closed.at(-1)?.manifest.members.map(({ peer }) => peer) ?? []
  const here = [...state.standings].filter(([, { slots }]) => slots > 0).map(([peer]) => peer)
  const isLate = new Set([...state.late.values()].map(({ peer }) => peer))
  const round = presentRound(state.history)
  let able = here.filter((peer) => {
    const { outUntil, restsUntilMs, isSilent } = turn.standing(peer)
    return !isLate.has(peer) && !isSilent && outUntil <= round && restsUntilMs <= turn.nowMs
  })
  if (able.length < leastMembers(turn)) able = here.filter((peer) => !isLate.has(peer))
  if (able.length === 0 && here.length > 0) {
    for (const shard of [...state.late.keys()]) giveUpLate(turn, shard)
    able = here
  }
  const rank = (peer: string) => (last.includes(peer) ? last.indexOf(peer) : last.length)
  able.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
  const found = able.flatMap((peer): Candidate[] => {
    const beginning = beginningOf(turn, peer)
    if (!beginning) state.due ??= { measured: false }
    return beginning ? [{ peer, beginning }] : []
  })
  return found.slice(0, state.scaled ?? options.request.rounds.workers.max)
}

/** Members without which the next round does not begin. */
export function leastMembers(turn: Turn): number {
  const { history, scaled = Number.POSITIVE_INFINITY } = turn.state
  const wanted = presentRound(history) > 0 ? 1 : turn.options.request.rounds.workers.min
  return Math.max(Math.min(wanted, scaled), quorumOf(turn.options.request.rounds.aggregation))
}

/** Contributions without which a round cannot be closed: what is cut off on both sides leaves one. */
export function quorumOf(aggregation: Aggregation): number {
  return aggregation.rule === 'trimmed-mean' ? 2 * aggregation.trim + 1 : 1
}

/** Takes in who is here now; gives those who left since the last time. */
export function noteWorkers(turn: Turn, workers: readonly AvailableWorker[]): string[] {
  const here = new Map(workers.map((worker) => [worker.peer, worker]))
  const left: string[] = []
  for (const [peer, standing] of turn.state.standings) {
    if (here.has(peer)) continue
    if (standing.slots > 0) left.push(peer)
    if (standing.slots > 0) standing.isGone = true
    standing.slots = 0
  }
  for (const [peer, { slots, isSilent }] of here) {
    const standing = turn.standing(peer)
    standing.slots = slots
    standing.isSilent = isSilent
    standing.isGone = false
  }
  return left
}

/** A peer did not count in a round that it was asked to take part in. */
export function noteFailure(turn: Turn, peer: string, isLate: boolean): void {
  const standing = turn.standing(peer)
  if (isLate) {
    standing.haste = Math.max(0.05, standing.haste * SLOWER)
    standing.restsUntilMs = turn.nowMs + REST_MS
  }
  if (++standing.failuresInARow < FAILURES) return
  standing.failuresInARow = 0
  standing.outUntil = presentRound(turn.state.history) + ROUNDS_OUT
}

/**
 * A peer did not reduce what it was asked to, or to what others could not read, or accused somebody alone: for some rounds,
 * more with each time, it reduces only where nobody else can.
 */
export function noteReduction(turn: Turn, peer: string): void {
  const standing = turn.standing(peer)
  const rounds = ROUNDS_OUT * 2 ** Math.min(standing.reductionsFailed++, 6)
  standing.reducesFrom = presentRound(turn.state.history) + rounds
}

/** Whether a peer is among those that are asked first to reduce. */
export function mayReduce(turn: Turn, peer: string): boolean {
  return turn.standing(peer).reducesFrom <= presentRound(turn.state.history)
}

/** Those first that may reduce, then those that failed less often. */
export function byReductions(turn: Turn): (a: string, b: string) => number {
  const rank = (peer: string) => (mayReduce(turn, peer) ? 0 : 1 + turn.standing(peer).reductionsFailed)
  return (a, b) => rank(a) - rank(b)
}

/** A peer counted. */
export function noteCounted(turn: Turn, peer: string): void {
  const standing = turn.standing(peer)
  standing.failuresInARow = 0
  standing.outUntil = 0
  // what it is measured at is believed again, bit by bit
  standing.haste = Math.min(1, standing.haste * 1.1)
}
