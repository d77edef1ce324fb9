import { assertNever, type Digest } from '../../../base/index.ts'
import type { ProgramEvent } from '../program.ts'
import { exclude, putOffSnapshot } from './calling-off.ts'
import { contribute, fail } from './collecting.ts'
import { giveUpLate } from './late.ts'
import { noteWorkers } from './members.ts'
import { doWithoutResidual, failSlice, hurry, leaveOut, reduced } from './reducing.ts'
import { failSnapshot, lateSnapshot, snapshotTaken } from './snapshots.ts'
import type { OpenRound, SliceState } from './state.ts'
import { stop } from './stopping.ts'
import type { Turn } from './turn.ts'

/** Takes in what has happened; what follows from it is looked at afterwards. */
export function hear(turn: Turn, event: ProgramEvent): void {
  const { state } = turn
  switch (event.type) {
    case 'workers':
      for (const peer of noteWorkers(turn, event.workers)) doWithout(turn, peer)
      return
    case 'scaled':
      state.scaled = event.workers
      return
    case 'accepted':
      accept(turn, event)
      return
    case 'poison':
      giveUp(turn, event)
      return
    case 'retracted':
      askAgain(turn, event.shard)
      return
    case 'time':
      if (state.open) hurry(turn, state.open)
      if (state.snapshot && turn.nowMs >= state.snapshot.deadlineMs) lateSnapshot(turn, state.snapshot)
      return
    case 'result': // provisional: rounds are made of what is accepted
    case 'partial':
    case 'batch':
    case 'source-ended':
      return
    default:
      assertNever(event)
  }
}

function accept(turn: Turn, event: Extract<ProgramEvent, { type: 'accepted' }>): void {
  const { state } = turn
  const { open, snapshot } = state
  const place = placeOf(turn, event.shard)
  switch (place?.of) {
    case 'member':
      contribute(turn, place.open, event, place.index)
      return
    case 'slice':
      reduced(turn, place.open, place.slice, event)
      return
    case 'late':
      arrive(turn, event)
      return
    case 'snapshot': {
      const isEnough = snapshot && snapshotTaken(turn, snapshot, event)
      if (isEnough) stop(turn)
      return
    }
    default:
      // called off, and done nevertheless; what is here already is told once
      if (!state.kept.has(event.shard) && !open?.shards.has(event.shard)) turn.release(event.shard)
  }
}

function arrive(turn: Turn, event: Extract<ProgramEvent, { type: 'accepted' }>): void {
  const late = turn.state.late.get(event.shard)
  if (!late) return
  const { state: inner, updates, commitments } = event.receipt
  const commitment = commitments?.[0]
  turn.keep(event.shard, { kind: 'train', round: late.round, peer: late.peer })
  if (!inner || !commitment || updates?.length !== late.slices.length) {
    late.arrived = undefined
    giveUpLate(turn, event.shard, 'receipt.updates', 'its receipt lacks a state, a commitment or updates')
    turn.release(event.shard)
    return
  }
  const { peer, round, batches } = late
  const { computeMs } = event.receipt
  turn.standing(peer).broughtTo = round
  late.arrived = {
    counted: { peer, round, shard: event.shard, batches, updates, inner, computeMs },
    outputs: event.outputs,
    commitment,
  }
}

function giveUp(turn: Turn, { shard, failures }: Extract<ProgramEvent, { type: 'poison' }>): void {
  const place = placeOf(turn, shard)
  const last = failures.at(-1)
  switch (place?.of) {
    case 'member':
      fail(turn, place.open, place.index, shard, failures)
      return
    case 'slice':
      failSlice(turn, place.open, place.slice, failures)
      return
    case 'late':
      giveUpLate(turn, shard, last?.code, last?.message)
      return
    case 'snapshot':
      failSnapshot(turn, shard, failures)
      return
    default: // called off
  }
}

/** A result turned out wrong: the shard is asked for again, unless what it gave has counted. */
function askAgain(turn: Turn, shard: Digest): void {
  const { open, snapshot } = turn.state
  const index = open?.shards.get(shard)?.index
  if (open && index !== undefined && !open.reducing) {
    const member = open.members[index]
    if (member?.status !== 'asked' && member?.status !== 'in') return
    open.members[index] = { status: 'asked' }
    turn.place(open.shards.get(shard)!.spec, open.manifest.members[index]!.peer)
  }
  const slice = open?.reducing?.slices.find((each) => each.shard === shard)
  if (slice) {
    slice.aggregate = undefined
    turn.place(slice.spec, slice.reducer)
  }
  if (snapshot?.shard === shard) turn.place(snapshot.spec, snapshot.peer)
}

type Place =
  | { readonly of: 'member'; readonly open: OpenRound; readonly index: number }
  | { readonly of: 'slice'; readonly open: OpenRound; readonly slice: SliceState }
  | { readonly of: 'late' }
  | { readonly of: 'snapshot' }

/** What a shard is that something is waited for of. */
function placeOf({ state }: Turn, shard: Digest): Place | undefined {
  const { open, late, snapshot } = state
  const index = open?.shards.get(shard)?.index
  if (open && index !== undefined && open.members[index]?.status === 'asked') return { of: 'member', open, index }
  const slice = open?.reducing?.slices.find((each) => each.shard === shard && !each.aggregate)
  if (open && slice) return { of: 'slice', open, slice }
  if (late.get(shard)?.arrived === undefined && late.has(shard)) return { of: 'late' }
  return snapshot?.shard === shard ? { of: 'snapshot' } : undefined
}

/** A peer left: nothing more is expected of it. */
function doWithout(turn: Turn, peer: string): void {
  const { state } = turn
  for (const [shard, late] of [...state.late])
    if (late.peer === peer && !state.open?.reducing?.contributions.some(({ counted }) => counted.shard === shard))
      giveUpLate(turn, shard, 'round.gone', 'it left')
  const { open } = state
  if (open) {
    const counting = open.reducing?.contributions.find(({ counted }) => counted.peer === peer)
    const index = open.manifest.members.findIndex((member) => member.peer === peer)
    if (open.reducing && !counting) doWithoutResidual(turn, open, peer)
    if (counting) leaveOut(turn, open, counting.counted.shard, 'round.gone', 'it left')
    else if (index >= 0 && open.members[index]?.status !== 'late') exclude(turn, open, index, 'round.gone', 'it left')
  }
  if (state.snapshot?.peer === peer) putOffSnapshot(turn)
}
