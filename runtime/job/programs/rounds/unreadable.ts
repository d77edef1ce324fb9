import type { ReplicaShard } from '../../../protocol/index.ts'
import type { ShardFailure } from '../../scheduler/index.ts'
import { mayReduce, noteFailure, noteReduction } from './members.ts'
import type { OpenRound } from './state.ts'
import type { Turn } from './turn.ts'

/** What a member fails with that can neither read nor get what a round came to; its message begins with who reduced that. */
export const UNREADABLE = 'update.aggregate'
/** Whoever reduced to that, by name in an outcome. */
export const AT_FAULT = 'round.aggregate'

/** Who reduced what a shard could not be brought on with, where it failed of that. */
export function unreadIn(
  failures: readonly ShardFailure[],
  spec: ReplicaShard | undefined,
): { readonly holder: string; readonly message: string } | undefined {
  const failure = failures.findLast(({ code }) => code === UNREADABLE)
  const holder = /^\S+/.exec(failure?.message ?? '')?.[0]
  const isAsked = spec?.replica.updates.some((round) => round.some(({ at }) => at === holder))
  return failure && holder !== undefined && isAsked ? { holder, message: failure.message } : undefined
}

/** A member says that it can neither read nor get what a peer reduced to. */
export function complain({ unread }: OpenRound, holder: string, peer: string): void {
  const complaints = unread.get(holder) ?? new Set()
  unread.set(holder, complaints.add(peer))
}

/** Members without the one that is complained of: those that complain, those that could read it, those yet to be heard. */
function heard({ manifest, members, unread }: OpenRound, holder: string) {
  const others = members.filter((_, i) => manifest.members[i]!.peer !== holder)
  return {
    complaints: unread.get(holder)?.size ?? 0,
    readers: others.filter(({ status }) => status === 'in').length,
    asked: others.filter(({ status }) => status === 'asked').length,
  }
}

/**
 * Whether more members complain of what a peer reduced to than could read it: the peer is at fault then, not they. It is
 * named, and reduces no more for some rounds.
 */
export function blamed(turn: Turn, open: OpenRound): boolean {
  const isTime = turn.nowMs >= open.deadlineMs
  for (const holder of open.unread.keys()) {
    const { complaints, readers, asked } = heard(open, holder)
    if (complaints <= readers + (isTime ? 0 : asked)) continue
    blame(turn, holder, complaints, complaints + readers + asked)
    return true
  }
  return false
}

/** The same of those that could not make a snapshot: most of them say so. */
export function blameForSnapshot(turn: Turn): void {
  const { snapshotFailures } = turn.state
  const failed = new Set(snapshotFailures.map(({ peer }) => peer))
  const complaints = new Map<string, Set<string>>()
  for (const { peer, failures, spec } of snapshotFailures) {
    const { holder = peer } = unreadIn(failures, spec) ?? {}
    if (holder !== peer) complaints.set(holder, (complaints.get(holder) ?? new Set()).add(peer))
  }
  for (const [holder, peers] of complaints) {
    const others = [...failed].filter((peer) => peer !== holder)
    if (peers.size * 2 > others.length && mayReduce(turn, holder)) blame(turn, holder, peers.size, others.length)
  }
}

function blame(turn: Turn, holder: string, complaints: number, others: number): void {
  const { state } = turn
  // each that is found out for the first time brings the training on
  if (mayReduce(turn, holder)) state.setbacks = Math.max(0, state.setbacks - 1)
  noteReduction(turn, holder)
  const message = `${complaints} of ${others} others can neither read nor get what it reduced`
  state.named.push({ peer: holder, code: AT_FAULT, message })
}

/** The round goes on: whoever alone could not read what most could has failed itself. */
export function settleComplaints(turn: Turn, open: OpenRound): void {
  for (const [holder, peers] of open.unread) {
    const { complaints, readers } = heard(open, holder)
    if (readers > complaints) for (const peer of peers) noteFailure(turn, peer, false)
  }
}
