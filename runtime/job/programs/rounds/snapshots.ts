import type { Digest } from '../../../base/index.ts'
import { type RoundManifest, shardId } from '../../../protocol/index.ts'
import type { ShardFailure } from '../../scheduler/index.ts'
import type { ProgramEvent } from '../program.ts'
import { take } from '../training.ts'
import { beginningOf } from './bases.ts'
import { LOST, putOffSnapshot } from './calling-off.ts'
import { addSnapshot, newestSnapshot, presentRound } from './history.ts'
import type { SharedCheckpoint } from './options.ts'
import { releaseOld } from './releases.ts'
import { snapshotShardOf } from './shards.ts'
import type { OpenSnapshot, Told } from './state.ts'
import { takeBack } from './taking-back.ts'
import type { Turn } from './turn.ts'
import { blameForSnapshot, UNREADABLE } from './unreadable.ts'

type Accepted = Extract<ProgramEvent, { type: 'accepted' }>

/** How long a member has to make a snapshot and measure it before another one is asked, ms; twice as long each time. */
const SNAPSHOT_MS = 120_000
/** Members that may fail to make one before it is done without, or the training has failed where it was the last. */
const ATTEMPTS = 6
/** Times that what is missing for the last one is made again first: the last round, and all since the newest snapshot. */
const GOINGS_BACK = 2

/** A round was closed: is there something to measure, or were there many rounds since the last snapshot? */
export function becomeDue(turn: Turn, positionBefore: number, round: number): void {
  const { state, options } = turn
  const { training, request } = options
  const every = training.evaluation?.everySteps
  const { position } = state.history
  const isMeasured = every !== undefined && Math.floor(position / every) > Math.floor(positionBefore / every)
  const isEnd = position >= training.steps
  const last = Math.max(newestSnapshot(state.history).round, state.snapshot?.round ?? 0)
  if (isMeasured || isEnd || round - last >= request.rounds.snapshotEvery)
    state.due = { measured: isMeasured || isEnd || (state.due?.measured ?? false) }
}

/** Asks a member for the snapshot that is due: one at a time, in turn, and one of each shared state at most. */
export function orderSnapshot(turn: Turn): void {
  const { state, options } = turn
  const round = presentRound(state.history)
  const last = state.history.closed.at(-1)
  if (!state.due || state.snapshot || !last || state.probe) return
  if (state.history.snapshots.has(round)) {
    if (!state.due.measured) state.due = undefined
    return
  }
  const counted = last.outcome.counted.map(({ peer }) => peer)
  const first = round % counted.length
  const failed = new Set(state.snapshotFailures.map(({ peer }) => peer))
  const others = [...state.standings.keys()].filter((peer) => !counted.includes(peer)).sort()
  const able = [...counted.slice(first), ...counted.slice(0, first), ...others].flatMap((peer) => {
    if (!state.standings.get(peer)?.slots) return []
    const beginning = beginningOf(turn, peer)
    return beginning ? [{ peer, beginning }] : []
  })
  const chosen = able.find(({ peer }) => !failed.has(peer)) ?? able[0]
  if (!chosen) return
  const { peer, beginning } = chosen
  const { measured } = state.due
  const plan = state.open?.manifest ?? last.manifest
  const spec = snapshotShardOf(options, plan, { round, member: { peer, ...beginning }, measured }, state.history)
  const shard = shardId(spec)
  const deadlineMs = turn.nowMs + SNAPSHOT_MS * 2 ** Math.min(state.snapshotFailures.length, 6)
  state.snapshot = { shard, spec, round, peer, baseRound: beginning.base.round, measured, deadlineMs }
  state.due = undefined
  turn.place(spec, peer)
}

/** A snapshot is at hand, and measured where that was asked for; says whether the training has got no better for too long. */
export function snapshotTaken(
  turn: Turn,
  { round, peer, measured }: OpenSnapshot,
  { shard, outputs, ...event }: Accepted,
): boolean {
  const { state, options } = turn
  const { history, progress } = state
  const file = event.trained?.state ?? event.receipt.state
  turn.keep(shard, { kind: 'snapshot', round, peer })
  const standing = turn.standing(peer)
  standing.broughtTo = Math.max(round, standing.broughtTo ?? 0)
  if (!file) {
    const message = 'its receipt names no state'
    failSnapshot(turn, shard, [{ peer, code: 'receipt.state', message, retryable: false }])
    return false
  }
  const [commitment] = event.receipt.commitments ?? []
  const { begun } = state
  const isTold = begun?.lineage === history.lineages[round]
  if (isTold && isDenied(peer, commitment, begun?.told ?? [])) {
    failSnapshot(turn, shard, [denied(peer)])
    return false
  }
  const checkpoint: SharedCheckpoint = {
    step: history.closed[round]?.manifest.position ?? history.position,
    state: file,
    ...(measured && event.trained?.validation && { validation: event.trained.validation }),
    shared: { round, lineage: history.lineages[round]!, at: peer },
  }
  turn.parts.push({ index: state.parts++, firstRow: checkpoint.step, rows: 0, shard, outputs, checkpoint })
  const before = new Set([progress.last, progress.best])
  take(progress, checkpoint, options.select)
  const kept = [options.training.state, progress.last?.state, progress.best?.state].map((ref) => ref?.blob)
  for (const old of before) if (old && !kept.includes(old.state.blob)) turn.forget(old.state)
  addSnapshot(history, checkpoint, isTold ? undefined : commitment)
  state.snapshot = undefined
  state.snapshotFailures.length = 0
  releaseOld(turn)
  return options.select?.patience !== undefined && progress.sinceBest >= options.select.patience
}

/**
 * Members of a round say what it began with. Where the snapshot before it is of another state, somebody else makes the next
 * one, which is due at once and takes its place as the newest.
 */
export function compareSnapshot(turn: Turn, { round, lineage }: RoundManifest, told: readonly Told[]): void {
  const { state } = turn
  state.begun = { lineage, told }
  const snapshot = state.history.snapshots.get(round)
  if (!snapshot?.commitment || !snapshot.at) return
  state.history.snapshots.set(round, { ...snapshot, commitment: undefined })
  if (!isDenied(snapshot.at, snapshot.commitment, told)) return
  state.snapshotFailures.push({ shard: snapshot.state.blob, peer: snapshot.at, failures: [denied(snapshot.at)] })
  state.due = { measured: true }
}

/** Whether most others began with another state than a peer's snapshot has: two at least, as one word stands against one. */
function isDenied(peer: string, commitment: Digest | undefined, told: readonly Told[]): boolean {
  const others = told.filter((each) => each.peer !== peer)
  const against = others.filter((each) => each.commitment !== commitment)
  return against.length > 1 && 2 * against.length > others.length
}

function denied(peer: string): ShardFailure {
  const message = 'its snapshot is not of the state that most others began with'
  return { peer, code: 'receipt.snapshot', message, retryable: false }
}

/** Its member has had its time. */
export function lateSnapshot(turn: Turn, { shard, peer }: OpenSnapshot): void {
  const message = 'it did not make the snapshot in time'
  failSnapshot(turn, shard, [{ peer, code: 'snapshot.late', message, retryable: true }])
}

/** A member did not make the snapshot: another one is asked, of the state that there is by now. */
export function failSnapshot(turn: Turn, shard: string, failures: readonly ShardFailure[]): void {
  const { state } = turn
  const { snapshot, due } = state
  if (!snapshot) return
  putOffSnapshot(turn)
  if (failures.some(({ code }) => code === LOST)) turn.standing(snapshot.peer).broughtTo = undefined
  if (failures.length > 0) state.snapshotFailures.push({ shard, peer: snapshot.peer, failures, spec: snapshot.spec })
  const isLast = state.history.position >= turn.options.training.steps
  const failed = state.snapshotFailures.at(-1)
  const { length } = state.snapshotFailures
  const isTried = failures.length > 0 && length % ATTEMPTS === 0
  if (isTried && !isLast) {
    state.snapshotFailures.length = 0
    state.due = due // this one is done without
    return
  }
  if (!isTried) return
  const codes = state.snapshotFailures.flatMap((each) => each.failures.map(({ code }) => code))
  const isMissing = codes.some((code) => code === LOST || code === UNREADABLE || code.startsWith('blob.'))
  if (isMissing) blameForSnapshot(turn)
  if (isMissing && length <= GOINGS_BACK * ATTEMPTS && takeBack(turn, failed)) return
  if (failed) turn.end({ ok: false, shard: failed.shard, failures: failed.failures })
}
