import { type Digest, limit } from '../../../base/index.ts'
import type { ShardFailure } from '../../scheduler/index.ts'
import type { ProgramEvent } from '../program.ts'
import { abandon } from './abandoning.ts'
import { anew, beginningOf } from './bases.ts'
import { DISAGREES, exclude, LOST } from './calling-off.ts'
import { arrivals } from './late.ts'
import { noteFailure, quorumOf } from './members.ts'
import { askAnew } from './opening.ts'
import { beginReducing } from './reducing.ts'
import { batchesIn } from './sample-account.ts'
import { compareSnapshot } from './snapshots.ts'
import type { Contribution, OpenRound } from './state.ts'
import type { Turn } from './turn.ts'
import { blamed, complain, settleComplaints, UNREADABLE, unreadIn } from './unreadable.ts'

type Accepted = Extract<ProgramEvent, { type: 'accepted' }>

const DIVERGED = 'train.diverged'

/** A member gives what it learned. */
export function contribute(turn: Turn, open: OpenRound, { shard, outputs, receipt }: Accepted, index: number): void {
  const member = open.manifest.members[index]!
  const { state: inner, updates, commitments } = receipt
  const commitment = commitments?.[0]
  turn.keep(shard, { kind: 'train', round: open.manifest.round, peer: member.peer })
  if (!inner || !commitment || updates?.length !== open.manifest.slices.length) {
    const expected = `a state, a commitment and ${open.manifest.slices.length} updates`
    const failure = { peer: member.peer, code: 'receipt.updates', message: `its receipt has not ${expected}` }
    open.failures.push({ shard, failures: [{ ...failure, retryable: false }] })
    exclude(turn, open, index, failure.code, failure.message)
    return
  }
  const contribution: Contribution = {
    counted: {
      peer: member.peer,
      round: open.manifest.round,
      shard,
      batches: member.batches,
      updates,
      inner,
      computeMs: receipt.computeMs,
      doneMs: turn.nowMs - open.openedMs,
    },
    outputs,
    commitment,
  }
  turn.standing(member.peer).broughtTo = open.manifest.round
  open.members[index] = { status: 'in', contribution, elapsedMs: turn.nowMs - open.openedMs }
  hasten(turn, open)
}

/** How long a first round takes is known once half of its members are done. */
function hasten(turn: Turn, open: OpenRound): void {
  if (turn.state.paceMs !== undefined) return
  const elapsed = open.members.flatMap((member) => (member.status === 'in' ? [member.elapsedMs] : []))
  if (elapsed.length * 2 < open.members.length) return
  const { factor, leastMs } = turn.options.request.rounds.deadline
  open.deadlineMs = Math.min(open.deadlineMs, open.openedMs + Math.max(leastMs, factor * Math.max(...elapsed)))
}

/** A member's shard was given up. */
export function fail(
  turn: Turn,
  open: OpenRound,
  index: number,
  shard: Digest,
  failures: readonly ShardFailure[],
): void {
  const last = failures.at(-1)
  const member = open.manifest.members[index]!
  const unread = unreadIn(failures, open.shards.get(shard)?.spec)
  if (unread && unread.holder !== member.peer) {
    open.failures.push({ shard, failures })
    complain(open, unread.holder, member.peer)
    exclude(turn, open, index, UNREADABLE, unread.message)
    return
  }
  if (failures.some(({ code }) => code === LOST)) {
    const beginning = member.base.held
      ? beginningOf(turn, member.peer, false)
      : member.inner !== undefined
        ? anew(turn)
        : undefined
    if (beginning) {
      askAnew(turn, open, index, beginning)
      return
    }
    turn.state.due ??= { measured: false }
  }
  open.failures.push({ shard, failures })
  if (last?.code === DIVERGED && ++open.diverged * 2 >= open.members.length) {
    turn.end({ ok: false, shard, failures })
    return
  }
  exclude(turn, open, index, last?.code ?? 'shard.failed', last?.message ?? 'its shard was given up')
}

/** Goes on to the end of the round where all are in, or its time is over; says whether anything changed. */
export function closeCollecting(turn: Turn, open: OpenRound): boolean {
  if (blamed(turn, open)) {
    abandon(turn, open, true)
    return true
  }
  const asked = open.members.filter(({ status }) => status === 'asked').length
  const isTime = turn.nowMs >= open.deadlineMs
  if (open.unread.size > 0 && asked > 0 && !isTime) return false // what the others say tells whose fault it is
  const quorum = open.manifest.aggregation.rule === 'trimmed-mean' ? quorumOf(open.manifest.aggregation) : 1
  if (inTime(open).length + asked < quorum) {
    abandon(turn, open)
    return true
  }
  if (inTime(open).length < quorum || (asked > 0 && !isTime)) return false
  const told = inTime(open).map(({ counted: { peer }, commitment }) => ({ peer, commitment }))
  compareSnapshot(turn, open.manifest, told)
  const commitment = agreed(turn, open)
  if (commitment === undefined) {
    abandon(turn, open)
    return true
  }
  if (inTime(open).length < quorum) return true // to be looked at again
  settleComplaints(turn, open)
  for (const [index, { status }] of open.members.entries())
    if (status === 'asked') beLate(turn, open, index, commitment)
  notePace(turn, open)
  const prompt = inTime(open).map((contribution) => ({ contribution, factor: 1 }))
  const late = arrivals(turn, open.manifest.slices).slice(0, limit('membersPerRound') - prompt.length) // others: next round
  beginReducing(turn, open, [...prompt, ...late])
  return true
}

function beLate(turn: Turn, open: OpenRound, index: number, commitment: Digest): void {
  const member = open.manifest.members[index]!
  const { peer, batches, base, shard } = member
  if (turn.options.request.rounds.late.rule === 'return') {
    exclude(
      turn,
      open,
      index,
      'round.late',
      `it was not done ${Math.round(turn.nowMs - open.openedMs)} ms after the start`,
    )
    return
  }
  open.members[index] = { status: 'late' }
  const { round, slices } = open.manifest
  turn.state.late.set(shard, {
    ...{ peer, round, batches, slices, commitment },
    ...{ baseRound: base.round, arrived: undefined },
  })
  noteFailure(turn, peer, true)
}

/**
 * What most members began with; whoever began with something else does not count. Where as many say one thing as another,
 * nobody knows who is right: `undefined`, and all begin anew from the snapshot.
 */
function agreed(turn: Turn, open: OpenRound): Digest | undefined {
  const all = inTime(open)
  const votes = new Map<Digest, number>()
  for (const { commitment } of all) votes.set(commitment, (votes.get(commitment) ?? 0) + 1)
  const [[most, count], second] = [...votes].sort(([, a], [, b]) => b - a) as [[Digest, number], [Digest, number]?]
  if (second?.[1] === count) {
    const message = `began round ${open.manifest.round} with another state than as many others`
    const failures = all.map(({ counted: { peer } }): ShardFailure => {
      turn.standing(peer).broughtTo = undefined
      return { peer, code: DISAGREES, message: `${peer} ${message}`, retryable: false }
    })
    open.failures.push({ shard: all[0]!.counted.shard, failures })
    return undefined
  }
  for (const [index, member] of open.members.entries())
    if (member.status === 'in' && member.contribution.commitment !== most)
      exclude(turn, open, index, DISAGREES, 'it began with another state than most others', count * 2 > all.length)
  return most
}

function notePace(turn: Turn, open: OpenRound): void {
  const paces = open.members.flatMap((member) =>
    member.status === 'in' ? [member.elapsedMs / batchesIn(member.contribution.counted.batches)] : [],
  )
  const slowest = Math.max(...paces)
  const before = turn.state.paceMs
  turn.state.paceMs = before === undefined ? slowest : (before + slowest) / 2
}

function inTime(open: OpenRound): Contribution[] {
  return open.members.flatMap((member) => (member.status === 'in' ? [member.contribution] : []))
}
