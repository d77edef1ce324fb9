import { AividaError, invariant, limit } from '../../base/index.ts'
import {
  addRound,
  addSnapshot,
  countingParts,
  emptyHistory,
  type History,
  isShared,
  type RoundsJob,
  reduceShardsOf,
  type SharedCheckpoint,
  trainShardOf,
} from '../../job/programs/index.ts'
import { batchesIn, SampleAccount } from '../../job/programs/rounds/sample-account.ts'
import { AT_FAULT } from '../../job/programs/rounds/unreadable.ts'
import { type ResultPart, type RoundManifest, type RoundOutcome, shardId } from '../../protocol/index.ts'
import type { TrainingRecord } from './contents.ts'
import type { Difference } from './verdict.ts'

/** What a training by rounds is made from; `undefined` for one on one worker. */
export function roundsJobOf({ model, training, request }: TrainingRecord): RoundsJob | undefined {
  const { rounds: layout } = training
  const { rounds: asked, ...others } = request
  return layout && asked && { model, training: { ...training, rounds: layout }, request: { ...others, rounds: asked } }
}

/** A part that closed a round. */
export type RoundPart = ResultPart & { readonly round: RoundOutcome }
/** A part that is a snapshot. */
export type SnapshotPart = ResultPart & { readonly checkpoint: SharedCheckpoint }

/** What of a record of a training by rounds counts. */
export interface CountingRounds {
  /** By round; of one that was opened again the newest. */
  readonly manifests: ReadonlyMap<number, RoundManifest>
  /** By number. */
  readonly rounds: readonly RoundPart[]
  readonly snapshots: readonly SnapshotPart[]
}

/** See {@link CountingRounds}. */
export function countingRoundsOf({ rounds, parts }: TrainingRecord): CountingRounds {
  const manifests = new Map(rounds.map((manifest) => [manifest.round, manifest]))
  const counting = countingParts(parts, manifests)
  return {
    manifests,
    rounds: counting
      .filter((part): part is RoundPart => part.round !== undefined)
      .toSorted((a, b) => a.round.round - b.round.round),
    snapshots: counting.filter((part): part is SnapshotPart => isShared(part.checkpoint)),
  }
}

/**
 * Where a record of rounds contradicts itself: each part is a round that follows on those before it, a snapshot of a state
 * that they led to, or was replaced when the training went back. `undefined`: nowhere.
 */
export function roundsContradiction(record: TrainingRecord, job: RoundsJob): Difference | undefined {
  const counting = countingRoundsOf(record)
  for (const part of record.parts)
    if (!isTold(part, record, counting))
      return {
        ...{ what: 'record', part: part.index },
        expected: part.round ? `round ${part.round.round}` : part.checkpoint ? 'a snapshot' : 'a part',
        found: 'neither a round that counts or was replaced, nor a state that rounds led to',
      }
  return followed(job, counting)
}

/** Whether a part counts, or was replaced by what was done again from there on. */
function isTold(part: ResultPart, { parts, state }: TrainingRecord, counting: CountingRounds): boolean {
  const { manifests, rounds, snapshots } = counting
  if (snapshots.some(({ index }) => index === part.index)) return true
  if (!part.round) return false // a training does not go back behind a snapshot
  const number = part.round.round
  if (rounds.some(({ index }) => index === part.index)) return true
  const isDoneAgain = parts.some(({ index, round }) => index > part.index && round && round.round <= number)
  return isDoneAgain || (state !== 'done' && manifests.has(number))
}

function followed(job: RoundsJob, { manifests, rounds, snapshots }: CountingRounds): Difference | undefined {
  const history = emptyHistory(job.training)
  const account = new SampleAccount(job.training.steps)
  const left = new Set(snapshots)
  const takeSnapshots = () => {
    for (const part of left)
      if (part.checkpoint.shared.round === history.closed.length) {
        left.delete(part)
        const contradiction = told(part, () => addTaken(history, part))
        if (contradiction) return contradiction
      }
    return undefined
  }
  for (const part of rounds) {
    const contradiction = takeSnapshots() ?? told(part, () => addClosed(job, manifests, history, account, part))
    if (contradiction) return contradiction
  }
  const contradiction = takeSnapshots()
  const [never] = left
  if (contradiction || !never) return contradiction
  const expected = `the state before round ${never.checkpoint.shared.round}`
  return { what: 'record', part: never.index, expected, found: `${history.closed.length} rounds` }
}

/** What a part contradicts is told as a difference: a record is from somebody else, and proves no mistake of this program. */
function told({ index, round }: ResultPart, follow: () => void): Difference | undefined {
  try {
    follow()
    return undefined
  } catch (error) {
    if (error instanceof Misnamed) return { ...error.at, part: index }
    if (!(error instanceof AividaError) || error.code !== 'internal.invariant') throw error
    const expected = 'what follows from the parts before it'
    return { what: 'record', part: index, ...(round && { round: round.round }), expected, found: error.message }
  }
}

/** A member's shard is not the one that its manifest makes. */
class Misnamed extends Error {
  readonly at: Omit<Difference, 'part'>

  constructor(at: Omit<Difference, 'part'>) {
    super()
    this.at = at
  }
}

function addTaken(history: History, part: SnapshotPart): void {
  const { checkpoint, firstRow, rows } = part
  const isThere = checkpoint.step === history.position && firstRow === checkpoint.step && rows === 0
  invariant(isThere, `a snapshot is after ${history.position} steps`)
  checkSigned(part, 1)
  addSnapshot(history, checkpoint)
}

function addClosed(
  job: RoundsJob,
  manifests: CountingRounds['manifests'],
  history: History,
  account: SampleAccount,
  part: RoundPart,
): void {
  const { round: outcome, firstRow, rows } = part
  const { round, counted, aggregates } = outcome
  const manifest = manifests.get(round)
  invariant(manifest && round === history.closed.length, `round ${history.closed.length} comes next, and was opened`)
  const { members, position, slices } = manifest
  invariant(position === history.position && firstRow === position, `it begins after ${history.position} batches`)
  invariant(
    aggregates.length === slices.length,
    `it has ${slices.length} slices, and ${aggregates.length} came of them`,
  )
  const made = counted.reduce((sum, { batches }) => sum + batchesIn(batches), 0)
  invariant(made > 0 && rows === made, `its members made ${made} steps`)
  for (const [member, { shard: expected }] of members.entries()) {
    const found = shardId(trainShardOf(job, manifest, member, history))
    if (found !== expected) throw new Misnamed({ what: 'shard', round, member, expected, found })
  }
  for (const { peer, shard, batches, round: from } of counted) {
    const asked = from === round ? manifest : history.closed[from]?.manifest
    const member = asked?.members.find((each) => each.shard === shard && each.peer === peer)
    invariant(member && sameBatches(member.batches, batches), `${peer} counts for what it was not asked for`)
    account.remove(batches)
  }
  checkSigned(part, counted.length)
  checkExcluded(job, manifest, history, outcome)
  reduceShardsOf(job, manifest, outcome, history)
  addRound(history, manifest, outcome)
}

/** Who computed a part, where that is told (see `lackOf`), computed `shards` of it: each has its class and its commitments. */
function checkSigned({ computedBy = [] }: ResultPart, shards: number): void {
  const told = computedBy.reduce((sum, by) => sum + by.shards, 0)
  invariant(computedBy.length === 0 || told === shards, `it is told who computed ${told} shards of ${shards}`)
}

/**
 * Whoever did not count was asked, in this round or, late, in one before. Where nobody is waited for, all who were asked and
 * did not count are named, and nobody who did. Whoever is named for what it reduced to may count as a member.
 */
function checkExcluded(
  { request }: RoundsJob,
  { members }: RoundManifest,
  { closed }: History,
  { counted, excluded }: RoundOutcome,
): void {
  const names = new Set(excluded.flatMap(({ peer, code }) => (code === AT_FAULT ? [] : [peer])))
  const isCut = excluded.length >= limit('membersPerRound')
  const asked = new Set([members, ...closed.map(({ manifest }) => manifest.members)].flat().map(({ peer }) => peer))
  for (const peer of names) invariant(asked.has(peer), `${peer} was left out of a round that never asked it`)
  if (request.rounds.late.rule !== 'return') return
  for (const { peer, shard } of members) {
    const isCounted = counted.some((each) => each.shard === shard && each.peer === peer)
    invariant(isCounted || isCut || names.has(peer), `${peer} was asked, and neither counted nor was left out`)
    invariant(!isCounted || !names.has(peer), `${peer} counted, and was left out`)
  }
}

function sameBatches(a: RoundOutcome['counted'][number]['batches'], b: typeof a): boolean {
  const text = (ranges: typeof a) => ranges.map(({ from, count }) => `${from}+${count}`).join()
  return text(a) === text(b)
}
