import { type Digest, invariant } from '../../../base/index.ts'
import {
  type BlobRef,
  type Checkpoint,
  type Counted,
  lineageOf,
  type RoundManifest,
  type RoundOutcome,
  type TrainingSpec,
} from '../../../protocol/index.ts'
import type { SharedCheckpoint } from './options.ts'
import { batchesIn } from './sample-account.ts'
import { shareAfter } from './speeds.ts'

/** A round that is over. */
export interface ClosedRound {
  readonly manifest: RoundManifest
  readonly outcome: RoundOutcome
}

/** What a member came to, by what counted of it. */
export interface MemberHistory {
  /** Steps of its optimiser. */
  readonly steps: number
  readonly inner: BlobRef
  /** The share of a round that it is to have by its speed; 1 is that of the average member. */
  readonly share: number
}

/** A shared state as a file, that whoever does not hold one begins with. */
export interface Snapshot {
  /** It is the shared state before this round. */
  readonly round: number
  readonly lineage: Digest
  readonly state: BlobRef
  /** The member that has it beside the submitter; absent: what the training began with. */
  readonly at?: string
  /** Steps of the optimiser whose state is in it. */
  readonly optimiserSteps: number
  /** What its maker says that the shared state is, by SHA-256; until others have said what they began with. */
  readonly commitment?: Digest | undefined
}

/** What the closed rounds of a training came to: with it a manifest tells what each shard of its round is. */
export interface History {
  /** By number. */
  readonly closed: ClosedRound[]
  /** Shared states before each round; the last one is the present one. */
  readonly lineages: Digest[]
  /** Batches that counted. */
  position: number
  readonly members: Map<string, MemberHistory>
  /** By the round that they are before; the first is what the training began with. */
  readonly snapshots: Map<number, Snapshot>
}

/** A training of which no round is over. */
export function emptyHistory({ state }: Pick<TrainingSpec, 'state'>): History {
  const first: Snapshot = { round: 0, lineage: state.blob, state, optimiserSteps: 0 }
  return {
    closed: [],
    lineages: [state.blob],
    position: 0,
    members: new Map(),
    snapshots: new Map([[0, first]]),
  }
}

/** The number of the round that comes next, or is under way. */
export function presentRound({ closed }: History): number {
  return closed.length
}

/** The newest snapshot. */
export function newestSnapshot({ snapshots }: History): Snapshot {
  return [...snapshots.values()].reduce((newest, snapshot) => (snapshot.round > newest.round ? snapshot : newest))
}

/** The snapshot before a round. */
export function snapshotBefore({ snapshots }: History, round: number): Snapshot {
  const snapshot = snapshots.get(round)
  invariant(snapshot, `there is no snapshot before round ${round}`)
  return snapshot
}

/** A round was closed. Throws `internal.invariant` for one that does not follow on those before. */
export function addRound(history: History, manifest: RoundManifest, outcome: RoundOutcome): void {
  const before = history.lineages[outcome.round]
  const follows = outcome.round === history.closed.length && manifest.round === outcome.round && before !== undefined
  invariant(follows, `round ${outcome.round} was closed, ${history.closed.length} comes next`)
  invariant(manifest.lineage === before, `round ${outcome.round} was opened from another state than the rounds led to`)
  invariant(
    outcome.lineage === lineageOf(before, outcome.aggregates),
    `round ${outcome.round} has another name than its updates give it`,
  )
  history.closed.push({ manifest, outcome })
  history.lineages.push(outcome.lineage)
  const { counted: all } = outcome
  const average = all.reduce((sum, { batches }) => sum + batchesIn(batches), 0) / all.length
  const averageMs = all.reduce((sum, { computeMs }) => sum + computeMs, 0) / all.length
  for (const counted of all) {
    const made = batchesIn(counted.batches)
    history.position += made
    const share = shareAfter(made / average, counted.computeMs, averageMs)
    history.members.set(counted.peer, { steps: stepsAfter(history, counted), inner: counted.inner, share })
  }
}

/**
 * The parts that count, in order: where a training went back (see `takeBack`), what was done again replaces what it had come
 * to from there on. None counts that is not of the manifest that there is now.
 */
export function countingParts<
  P extends { readonly round?: RoundOutcome | undefined; readonly checkpoint?: Checkpoint | undefined },
>(parts: readonly P[], manifests: ReadonlyMap<number, RoundManifest>): P[] {
  const isAsked = ({ round, counted }: RoundOutcome) => {
    const asked = manifests.get(round)?.members ?? []
    // by peer too: what another one was asked for in its place is the same shard
    return counted.every(
      (each) => each.round !== round || asked.some(({ peer, shard }) => peer === each.peer && shard === each.shard),
    )
  }
  const opened = parts.flatMap(({ round }) => (round && !isAsked(round) ? [round.round] : []))
  let again = Number.POSITIVE_INFINITY
  const newest = parts.toReversed().filter(({ round, checkpoint }) => {
    if (!round) return (checkpoint?.shared?.round ?? 0) <= again
    const counts = round.round < again
    again = Math.min(again, round.round)
    return counts
  })
  // the last time that it went back may not have come to anything yet
  const end = newest.some(({ round }) => round && !isAsked(round)) ? Math.min(...opened) : Number.POSITIVE_INFINITY
  return newest
    .reverse()
    .filter(({ round, checkpoint }) => (round ? round.round < end : (checkpoint?.shared?.round ?? 0) <= end))
}

/** The newest round does not count after all: nobody can have what it came to. It is the present one again. */
export function removeRound(history: History): ClosedRound {
  const last = history.closed.pop()
  invariant(last, 'a round that is over')
  history.lineages.pop()
  history.position = last.manifest.position
  for (const { peer } of last.outcome.counted) {
    const { share = 0 } = history.members.get(peer) ?? {}
    const before = countedBefore(history, history.closed.length, peer)
    if (before) history.members.set(peer, { steps: stepsAfter(history, before), inner: before.inner, share })
    else history.members.delete(peer)
  }
  return last
}

/** A snapshot is at hand. */
export function addSnapshot(history: History, { state, shared }: SharedCheckpoint, commitment?: Digest): void {
  const { round, lineage, at } = shared
  invariant(history.lineages[round] === lineage, `the snapshot before round ${round} is of another state`)
  const last = countedBefore(history, round, at)
  const optimiserSteps = last ? stepsAfter(history, last) : newestSnapshot(history).optimiserSteps
  history.snapshots.set(round, { round, lineage, state, at, optimiserSteps, commitment })
}

/** The newest contribution of a peer that counted before a round. */
function countedBefore({ closed }: History, round: number, peer: string): Counted | undefined {
  for (let i = round - 1; i >= 0; i--) {
    const found = closed[i]?.outcome.counted.find((each) => each.peer === peer)
    if (found) return found
  }
  return undefined
}

/** Steps of a member's optimiser after a contribution, which may have been made in an earlier round than it counted in. */
function stepsAfter({ closed }: History, { peer, round, shard, batches }: Counted): number {
  const member = closed[round]?.manifest.members.find((each) => each.shard === shard)
  invariant(member?.peer === peer, `a contribution of ${peer} counted that round ${round} did not ask for`)
  return member.fromStep + batchesIn(batches)
}
