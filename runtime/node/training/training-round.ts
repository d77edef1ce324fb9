import { readPart } from '../../data/sources/index.ts'
import type { BlobRef, RoundOutcome } from '../../protocol/index.ts'
import { measuredIn } from '../record/curves.ts'

/** A worker that takes part; its name is empty where it is not known. */
export interface NamedPeer {
  readonly peer: string
  readonly name: string
}

/** A member whose update counted in a round. */
export interface RoundMember extends NamedPeer {
  /** That it learned from. */
  readonly batches: number
  /** Inside its engine, milliseconds. */
  readonly computeMs: number
  /** Rounds that its update came late: 0 but for those that the rule for late ones let count. */
  readonly late: number
}

/** A round that was closed. */
export interface TrainingRound {
  readonly round: number
  /** Batches of the training that counted before and in it, whoever learned from them. */
  readonly step: number
  readonly members: readonly RoundMember[]
  /** Who took part and did not count, and why: their samples are learned from later. */
  readonly excluded: readonly (NamedPeer & { readonly code: string; readonly message: string })[]
  /** Over all of its steps, by name: the mean. Empty where the file of its metrics is not there. */
  readonly metrics: Readonly<Record<string, number>>
  /** From when it was opened until it was closed. */
  readonly durationMs: number
  readonly rowsPerSecond: number
  /** Of one member's update, the largest, and of what all have back. */
  readonly bytes: { readonly up: number; readonly down: number }
}

/** What a round is told by. */
export interface ClosedRound {
  readonly outcome: RoundOutcome
  /** Batches that counted before and in it. */
  readonly step: number
  /** The Arrow file of its metrics, a row for each step. */
  readonly file: string
  /** Rows of a batch. */
  readonly batchSize: number
  /** Which columns of the file are metrics. Default: all that measure something. */
  readonly metrics?: readonly string[]
  readonly nameOf: (peer: string) => string
}

/** A closed round as researchers see it. */
export async function trainingRound({
  outcome,
  step,
  file,
  batchSize,
  metrics,
  nameOf,
}: ClosedRound): Promise<TrainingRound> {
  const { round, counted, excluded, aggregates, openedWallMs, closedWallMs } = outcome
  const members = counted.map(({ peer, batches, computeMs, round: madeIn }) => ({
    peer,
    name: nameOf(peer),
    batches: batches.reduce((sum, { count }) => sum + count, 0),
    computeMs,
    late: round - madeIn,
  }))
  const durationMs = Math.max(0, closedWallMs - openedWallMs)
  const rows = batchSize * members.reduce((sum, { batches }) => sum + batches, 0)
  return {
    round,
    step,
    members,
    excluded: excluded.map((each) => ({ ...each, name: nameOf(each.peer) })),
    metrics: await meansOf(file, metrics),
    durationMs,
    rowsPerSecond: durationMs > 0 ? (rows / durationMs) * 1_000 : 0,
    bytes: {
      up: Math.max(0, ...counted.map(({ updates }) => bytesOf(updates))),
      down: bytesOf(aggregates.map(({ update }) => update)),
    },
  }
}

async function meansOf(file: string, names?: readonly string[]): Promise<Record<string, number>> {
  const measured = measuredIn(await readPart(file).catch(() => ({})))
  return Object.fromEntries(
    (names ?? Object.keys(measured)).flatMap((name) => {
      const values = measured[name] ?? []
      return values.length === 0 ? [] : [[name, values.reduce((sum, value) => sum + value, 0) / values.length]]
    }),
  )
}

function bytesOf(blobs: readonly BlobRef[]): number {
  return blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}
