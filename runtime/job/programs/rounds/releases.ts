import type { Digest } from '../../../base/index.ts'
import { newestSnapshot, presentRound } from './history.ts'
import type { Turn } from './turn.ts'

/** What a member came to that is kept of each: the newest, and one before it until that is durable for sure. */
const INNER_STATES = 2
/** Rounds whose aggregates are kept whatever covers them: the last one may be done again, and goes on from the one before. */
const REDUCED = 2

/**
 * Workers may let go what nobody will ask for: what a member came to before its last two rounds that counted, aggregates
 * that a snapshot covers, snapshots before the newest.
 */
export function releaseOld(turn: Turn): void {
  const { state } = turn
  const { history, kept } = state
  const newest = newestSnapshot(history).round
  const round = presentRound(history)
  const needed = Math.min(newest, state.snapshot?.baseRound ?? newest, ...basesOf(turn))
  const inner = new Map<string, number>()
  for (const [shard, { kind, round: made, peer }] of [...kept].reverse()) {
    if (isWanted(turn, shard)) continue
    if (kind === 'train') {
      const newer = inner.get(peer) ?? 0
      inner.set(peer, newer + 1)
      if (newer >= INNER_STATES) turn.release(shard)
    } else if (kind === 'reduce') {
      if (made < needed && made < round - REDUCED) turn.release(shard)
    } else if (made < newest) turn.release(shard)
  }
}

/** All that is still kept: the training is over. */
export function releaseAll(turn: Turn): void {
  for (const shard of [...turn.state.kept.keys()]) turn.release(shard)
}

function isWanted({ state }: Turn, shard: Digest): boolean {
  return state.open?.shards.has(shard) === true || state.late.has(shard)
}

function basesOf({ state }: Turn): number[] {
  return [
    ...(state.open?.manifest.members ?? []).map(({ base }) => base.round),
    ...[...state.late.values()].map(({ baseRound }) => baseRound),
  ]
}
