import { invariant } from '../../../base/index.ts'
import { type RoundManifest, type RoundMember, shardId } from '../../../protocol/index.ts'
import type { Beginning } from './bases.ts'
import { exclude } from './calling-off.ts'
import { presentRound } from './history.ts'
import { giveUpLate } from './late.ts'
import { candidates, leastMembers, quorumOf } from './members.ts'
import { beginRecipe } from './probing.ts'
import { batchesIn } from './sample-account.ts'
import { type RoundPlan, trainShardOf } from './shards.ts'
import { slicesOf } from './slices.ts'
import { dealOut } from './speeds.ts'
import type { OpenRound } from './state.ts'
import type { Turn } from './turn.ts'

/** How long the first round may take, of which nobody knows how long a step is, ms. It ends earlier once half of its members are done. */
const FIRST_ROUND_MS = 120_000

/** Opens the next round where there is something to learn and somebody who can; says whether it did. */
export function openRound(turn: Turn): boolean {
  const { state } = turn
  const members = candidates(turn)
  if (members.length < leastMembers(turn)) return false
  if (state.account.left === 0) for (const shard of [...state.late.keys()]) giveUpLate(turn, shard)
  invariant(state.account.left > 0, 'every batch is counted, with a member, or free')
  if (!state.recipe) beginRecipe(turn, members.length)
  const manifest = named(turn, planOf(turn, members))
  if (!state.probe) turn.open(manifest)
  state.open = begun(turn, manifest)
  state.returning = undefined
  state.stuckSinceMs = undefined
  for (const [shard, { index }] of state.open.shards) ask(turn, state.open, shard, index)
  return true
}

/** A round that was open before is open again, with the same shards: results that members have are not computed twice. */
export function reopenRound(turn: Turn, manifest: RoundManifest): void {
  const open = begun(turn, manifest)
  turn.state.open = open
  for (const { batches } of manifest.members) turn.state.account.remove(batches)
  for (const [shard, { index }] of open.shards) {
    if (turn.isHere(manifest.members[index]!.peer)) ask(turn, open, shard, index)
    else exclude(turn, open, index, 'round.gone', 'it left')
  }
}

/** A member of the open round begins otherwise: it gets another shard in the place of the one it had. */
export function askAnew(turn: Turn, open: OpenRound, index: number, beginning: Beginning): void {
  const members = open.manifest.members.map((member, i): Omit<RoundMember, 'shard'> => {
    const { shard: _, ...plan } = member
    if (i !== index) return plan
    const { inner: __, ...rest } = plan
    return { ...rest, ...beginning }
  })
  const before = open.manifest.members[index]!.shard
  turn.cancel(before)
  open.shards.delete(before)
  open.manifest = named(turn, { ...open.manifest, members })
  const { shard } = open.manifest.members[index]!
  open.shards.set(shard, { index, spec: trainShardOf(turn.options, open.manifest, index, turn.state.history) })
  if (!turn.state.probe) turn.open(open.manifest)
  ask(turn, open, shard, index)
}

function planOf(turn: Turn, all: readonly { readonly peer: string; readonly beginning: Beginning }[]): RoundPlan {
  const { state, options } = turn
  const { recipe, history, account } = state
  invariant(recipe, 'a recipe')
  const { aggregation, balance } = options.request.rounds
  const batches = Math.min(recipe.localSteps * all.length, account.left)
  const members = all.slice(0, batches)
  const speeds = members.map(({ peer }) => speedOf(turn, peer))
  const isEqual = balance === 'equal' || recipe.mode === 'gradient'
  const dealt = dealOut(batches, isEqual ? members.map(() => 0) : speeds)
  const before = history.closed.at(-1)?.manifest.slices ?? []
  return {
    round: presentRound(history),
    recipe,
    // what is left may be too little for so many members that any could be cut off
    aggregation: members.length < quorumOf(aggregation) ? { rule: 'median' } : aggregation,
    lineage: history.lineages.at(-1)!,
    position: history.position,
    slices: slicesOf(options.training.rounds, members.length, before),
    members: members.map(({ peer, beginning }, i) => ({ peer, batches: account.take(dealt[i]!), ...beginning })),
    deadlineMs: deadlineOf(
      turn,
      Math.max(...dealt),
      members.some(({ beginning }) => !beginning.base.held),
    ),
  }
}

/** Newcomers bring their replica here first; the others bear with that for a while. */
function deadlineOf({ state, options }: Turn, steps: number, hasNewcomers: boolean): number {
  const { factor, leastMs } = options.request.rounds.deadline
  if (state.paceMs === undefined) return Math.max(FIRST_ROUND_MS, leastMs)
  return Math.ceil(Math.max(leastMs, factor * state.paceMs * steps) + (hasNewcomers ? leastMs : 0))
}

function speedOf({ state }: Turn, peer: string): number {
  return (state.history.members.get(peer)?.share ?? 0) * (state.standings.get(peer)?.haste ?? 1)
}

function named(turn: Turn, plan: RoundPlan): RoundManifest {
  const members = plan.members.map((member, index) => ({
    ...member,
    shard: shardId(trainShardOf(turn.options, plan, index, turn.state.history)),
  }))
  return { ...plan, members }
}

function begun(turn: Turn, manifest: RoundManifest): OpenRound {
  const { options, state, nowMs } = turn
  return {
    manifest,
    openedMs: nowMs,
    deadlineMs: nowMs + manifest.deadlineMs,
    members: manifest.members.map(() => ({ status: 'asked' })),
    shards: new Map(
      manifest.members.map(({ shard }, index) => [
        shard,
        { index, spec: trainShardOf(options, manifest, index, state.history) },
      ]),
    ),
    excluded: [],
    failures: [],
    diverged: 0,
    unread: new Map(),
    reducing: undefined,
  }
}

function ask(turn: Turn, open: OpenRound, shard: string, index: number): void {
  const { peer } = open.manifest.members[index]!
  const asked = open.shards.get(shard)
  invariant(asked && batchesIn(asked.spec.replica.batches) > 0, 'a shard with something to learn')
  turn.place(asked.spec, peer)
}
