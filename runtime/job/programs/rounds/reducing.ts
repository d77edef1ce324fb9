import { type Digest, limit } from '../../../base/index.ts'
import { type Counted, type HeldUpdate, lineageOf, type RoundOutcome, shardId } from '../../../protocol/index.ts'
import type { ShardFailure } from '../../scheduler/index.ts'
import type { ProgramEvent } from '../program.ts'
import { abandon } from './abandoning.ts'
import { dropSlices, exclude } from './calling-off.ts'
import { addRound, presentRound } from './history.ts'
import { giveUpLate } from './late.ts'
import { byReductions, mayReduce, noteCounted, noteReduction } from './members.ts'
import { closeTrial } from './probing.ts'
import { releaseOld } from './releases.ts'
import { batchesIn } from './sample-account.ts'
import { reduceShardOf, residualBefore } from './shards.ts'
import { becomeDue } from './snapshots.ts'
import type { Contribution, OpenRound, Reducing, SliceState } from './state.ts'
import type { Turn } from './turn.ts'

type Accepted = Extract<ProgramEvent, { type: 'accepted' }>

/** Failures of a reduction that are of somebody else: what was left over of a slice is not given. */
const ELSEWHERE = /^(blob|grant)\./

/** What counts in the round is fixed: members are asked to make one of it, a slice each. */
export function beginReducing(
  turn: Turn,
  open: OpenRound,
  counting: readonly { readonly contribution: Contribution; readonly factor: number }[],
): void {
  const contributions = counting.map(({ contribution, factor }) => ({
    ...contribution,
    counted: { ...contribution.counted, weight: batchesIn(contribution.counted.batches) * factor },
  }))
  const reducing: Reducing = {
    contributions,
    slices: [],
    sinceMs: turn.nowMs,
    deadlineMs: turn.nowMs + patience(turn, open, 0),
    moves: open.reducing?.moves ?? 0,
    accused: new Map(),
  }
  open.reducing = reducing
  const peers = contributions.map(({ counted }) => counted.peer)
  const holders = open.manifest.slices.map((_, slice) => residualBefore(turn.state.history, open.manifest, slice)?.at)
  const able = peers.filter((peer) => mayReduce(turn, peer))
  const ordered = able.length > 0 ? able : peers.toSorted(byReductions(turn)).slice(0, 1)
  const free = ordered.filter((peer) => !holders.includes(peer))
  reducing.slices = open.manifest.slices.map((_, slice) => {
    const holder = holders[slice]
    // whoever has what was left over of a slice goes on with it: it is larger than all else that travels
    const reducer =
      holder !== undefined && ordered.includes(holder) ? holder : (free.shift() ?? ordered[slice % ordered.length]!)
    return askFor(turn, open, reducing, slice, reducer, new Set())
  })
}

/** How long the members have to reduce, ms; longer with each time that they had not long enough. */
function patience({ state, options }: Turn, { manifest }: OpenRound, moves: number): number {
  const { factor, leastMs } = options.request.rounds.deadline
  const steps = Math.max(...manifest.members.map(({ batches }) => batchesIn(batches)))
  const expected = state.reduceMs ?? (state.paceMs ?? 0) * steps
  return Math.max(leastMs, factor * expected) * 2 ** Math.min(moves, 6)
}

function askFor(
  turn: Turn,
  open: OpenRound,
  { contributions }: Pick<Reducing, 'contributions'>,
  slice: number,
  reducer: string,
  tried: ReadonlySet<string>,
  withResidual = true,
): SliceState {
  const left = withResidual ? residualBefore(turn.state.history, open.manifest, slice) : undefined
  const spec = reduceShardOf(
    turn.options,
    open.manifest,
    contributions.map(({ counted }) => counted),
    slice,
    goesOn(turn, open, left, reducer) ? left : undefined,
  )
  turn.place(spec, reducer)
  return { spec, shard: shardId(spec), reducer, tried: new Set([...tried, reducer]), aggregate: undefined }
}

/** Whether what was left over can be had, and at once: nobody waits for who did not come in time a second time. */
function goesOn(turn: Turn, open: OpenRound, left: HeldUpdate | undefined, reducer: string): boolean {
  if (!left || turn.state.freshFrom === presentRound(turn.state.history)) return false
  if (left.at === reducer) return true
  if (!mayReduce(turn, left.at)) return false // it may be of no more use than what it reduced to
  const index = open.manifest.members.findIndex(({ peer }) => peer === left.at)
  const isMissing = index >= 0 && open.members[index]?.status !== 'in'
  const isReachable = turn.isHere(left.at) && !turn.standing(left.at).isSilent
  return isReachable && !isMissing && turn.options.request.rounds.replacement === 'committed'
}

/** A slice was reduced. */
export function reduced(turn: Turn, open: OpenRound, slice: SliceState, { shard, receipt }: Accepted): void {
  const [update] = receipt.updates ?? []
  turn.keep(shard, { kind: 'reduce', round: open.manifest.round, peer: slice.reducer })
  if (!update) {
    turn.release(shard)
    const message = 'its receipt names no update'
    failSlice(turn, open, slice, [{ peer: slice.reducer, code: 'receipt.updates', message, retryable: false }])
    return
  }
  slice.aggregate = {
    ...{ update, at: slice.reducer, shard, computeMs: receipt.computeMs, doneMs: turn.nowMs - open.openedMs },
    ...(receipt.state && { residual: receipt.state }),
  }
}

/** A slice was given up: because of what a member gave to it, or of who was to reduce it. */
export function failSlice(turn: Turn, open: OpenRound, slice: SliceState, failures: readonly ShardFailure[]): void {
  const { reducing } = open
  open.failures.push({ shard: slice.shard, failures })
  const [accused] = failures.flatMap(({ code, message }) => {
    const member = code === 'update.contribution' ? Number(/^\D*(\d+)/.exec(message)?.[1]) : -1
    const contribution = reducing?.contributions[member]
    return contribution ? [{ contribution: contribution.counted, message }] : []
  })
  const verdict = accused && judge(turn, open, slice, accused.contribution)
  if (!accused) {
    if (!failures.every(({ code }) => ELSEWHERE.test(code))) noteReduction(turn, slice.reducer)
    move(turn, open, slice)
  } else if (verdict !== 'ask')
    leaveOut(turn, open, accused.contribution.shard, 'update.contribution', accused.message, verdict === 'guilty')
  else move(turn, open, slice, accused.contribution.peer)
}

/**
 * What is to become of a contribution that is said to be of no use, or not to come: it is left out where two who reduce say
 * so. The word of one may be a link of its own that is down, or a lie: others are asked, at last the accused itself. Where
 * nobody is left to ask, it is left out and nobody is blamed; the next time somebody else reduces.
 */
function judge(
  turn: Turn,
  { reducing }: OpenRound,
  slice: SliceState,
  { peer, shard }: Counted,
): 'guilty' | 'unclear' | 'ask' {
  if (!reducing) return 'ask'
  const asked = reducing.accused.get(shard) ?? new Set()
  reducing.accused.set(shard, asked.add(slice.reducer))
  if ([...asked].filter((each) => each !== peer).length > 1) return 'guilty'
  const others = reducing.contributions.map(({ counted }) => counted.peer)
  const left = others.filter((other) => !asked.has(other) && turn.isHere(other) && !turn.standing(other).isSilent)
  if (left.length === 0) {
    noteReduction(turn, slice.reducer)
    return 'unclear'
  }
  if (left.every((other) => other === peer)) asked.add(peer)
  return 'ask'
}

/** The members that reduce have had their time: what is not done is given to others. */
export function hurry(turn: Turn, open: OpenRound): void {
  const { reducing } = open
  if (!reducing || turn.nowMs < reducing.deadlineMs) return
  for (const slice of reducing.slices.filter(({ aggregate }) => !aggregate)) {
    if (turn.state.open !== open) return
    const isAlone = reducing.contributions.every(({ counted }) => counted.peer === slice.reducer)
    if (isAlone) reducing.moves++
    else {
      noteReduction(turn, slice.reducer)
      move(turn, open, slice)
    }
  }
  reducing.deadlineMs = turn.nowMs + patience(turn, open, 1 + Math.floor(reducing.moves / reducing.slices.length))
}

/** A peer left that may have what was left over of slices: others go on without. */
export function doWithoutResidual(turn: Turn, open: OpenRound, peer: string): void {
  for (const slice of open.reducing?.slices ?? [])
    if (!slice.aggregate && slice.spec.residual?.at === peer) move(turn, open, slice)
}

/** Somebody else is to reduce a slice. What its holder has left over is done without the second time. */
function move(turn: Turn, open: OpenRound, slice: SliceState, avoided?: string): void {
  const { reducing } = open
  const at = reducing?.slices.indexOf(slice) ?? -1
  if (!reducing || at < 0) return
  const peers = reducing.contributions.map(({ counted }) => counted.peer).filter((peer) => turn.isHere(peer))
  if (++reducing.moves > reducing.slices.length * (1 + peers.length)) {
    abandon(turn, open) // somebody may be there who gives nothing of what it has: the next round is without it
    return
  }
  turn.cancel(slice.shard)
  const fresh = peers.filter((peer) => !slice.tried.has(peer))
  const willing = fresh.filter((peer) => peer !== avoided)
  const untried = willing.length > 0 ? willing : fresh
  const load = (peer: string) =>
    reducing.slices.filter(({ reducer, aggregate }) => reducer === peer && !aggregate).length
  const again = peers.filter((peer) => peer !== avoided)
  const [next = slice.reducer] = (untried.length > 0 ? untried : again).toSorted(
    (a, b) => Number(mayReduce(turn, b)) - Number(mayReduce(turn, a)) || load(a) - load(b),
  )
  const tried = untried.length > 0 ? slice.tried : new Set<string>()
  reducing.slices[at] = askFor(turn, open, reducing, at, next, tried, reducing.moves <= reducing.slices.length)
}

/** A contribution does not count after all: the rest is reduced anew. */
export function leaveOut(
  turn: Turn,
  open: OpenRound,
  shard: Digest,
  code: string,
  message: string,
  isToBlame?: boolean,
): void {
  const { reducing } = open
  if (!reducing) return
  dropSlices(turn, open)
  const index = open.manifest.members.findIndex((member) => member.shard === shard)
  if (index >= 0) exclude(turn, open, index, code, message, isToBlame)
  else giveUpLate(turn, shard, code, message)
  const left = reducing.contributions.filter(({ counted }) => counted.shard !== shard)
  const { round, aggregation } = open.manifest
  const quorum = aggregation.rule === 'trimmed-mean' ? 2 * aggregation.trim + 1 : 1
  const isOwn = left.some(({ counted }) => counted.round === round)
  if (left.length < quorum || !isOwn) abandon(turn, open)
  else
    beginReducing(
      turn,
      open,
      left.map((contribution) => ({ contribution, factor: factorOf(contribution) })),
    )
}

function factorOf({ counted }: { readonly counted: Counted }): number {
  return counted.weight / batchesIn(counted.batches)
}

/** Closes the round once all of its slices are there; says whether it did. */
export function closeRound(turn: Turn, open: OpenRound): boolean {
  const { reducing, manifest } = open
  const aggregates = reducing?.slices.flatMap(({ aggregate }) => aggregate ?? []) ?? []
  if (!reducing || aggregates.length < manifest.slices.length) return false
  const { state, options, nowMs } = turn
  const counted = reducing.contributions.map((each) => each.counted)
  const wall = (ms: number) => Math.max(0, Math.floor(options.wallAtZeroMs + ms))
  const outcome: RoundOutcome = {
    round: manifest.round,
    counted,
    excluded: [...state.named.splice(0), ...open.excluded].slice(0, limit('membersPerRound')),
    aggregates,
    lineage: lineageOf(manifest.lineage, aggregates),
    openedWallMs: wall(open.openedMs),
    closedWallMs: wall(nowMs),
  }
  if (state.probe) {
    closeTrial(turn, open, state.probe, outcome)
    return true
  }
  for (const { counted: each } of reducing.contributions)
    for (const accuser of reducing.accused.get(each.shard) ?? [])
      if (accuser !== each.peer) noteReduction(turn, accuser)
  const firstRow = state.history.position
  addRound(state.history, manifest, outcome)
  const [first, ...others] = reducing.contributions.map(({ counted: { shard, batches }, outputs }) => ({
    shard,
    outputs,
    rows: batchesIn(batches),
  }))
  turn.parts.push({
    index: state.parts++,
    firstRow,
    rows: first!.rows,
    shard: first!.shard,
    outputs: first!.outputs,
    ...(others.length > 0 && { others }),
    round: outcome,
  })
  for (const { peer, shard } of counted) {
    noteCounted(turn, peer)
    state.late.delete(shard)
  }
  state.fruitless = 0
  if (presentRound(state.history) > state.furthest) {
    state.furthest = presentRound(state.history)
    state.setbacks = 0
  }
  state.reduceMs = nowMs - reducing.sinceMs
  state.open = undefined
  becomeDue(turn, firstRow, presentRound(state.history))
  releaseOld(turn)
  return true
}
