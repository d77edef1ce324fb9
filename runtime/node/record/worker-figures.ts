import type { JobRecordDocument, RoundOutcome } from '../../protocol/index.ts'
import { roundsOf } from './round-times.ts'

/** What one worker did for a job, and how it fared. */
export interface WorkerFigures {
  readonly peer: string
  readonly name: string
  readonly classes: readonly string[]
  /** Shards, or parts of training, that it computed. */
  readonly shards: number
  /** Rows of inference, steps of training. */
  readonly rows: number
  /** Inside its engine, ms: shards of its own ... */
  readonly computeMs: number
  /** ... and slices that it made one of. */
  readonly reduceMs: number
  /** Of a training by rounds: in how many it was asked to take part, and counted. */
  readonly rounds: number
  readonly counted: number
  /** Of these, how many came after their round, and by how many rounds on average. */
  readonly late: number
  readonly staleness: number
  /** Why it did not count, and how often. */
  readonly excluded: Readonly<Record<string, number>>
  /** Updates and aggregates of rounds that it sent to other members, and got from them. Names, leases and receipts are beside it. */
  readonly bytes: { readonly up: number; readonly down: number }
  /** Share of its rounds' time in which its engine had nothing to do. Absent where nothing is known of it. */
  readonly idle?: number
}

/** The same while it is being counted. */
interface Count {
  classes: Set<string>
  shards: number
  rows: number
  computeMs: number
  reduceMs: number
  rounds: number
  counted: number
  late: number
  age: number
  excluded: Record<string, number>
  up: number
  down: number
  roundMs: number
  busyMs: number
}

/** What each worker did for a job, the busiest first. Everything follows from the record: no clock, no network. */
export function workerFigures(record: JobRecordDocument): WorkerFigures[] {
  const counts = new Map<string, Count>()
  const of = (peer: string): Count => {
    const known = counts.get(peer)
    if (known) return known
    const fresh: Count = {
      ...{ classes: new Set<string>(), shards: 0, rows: 0, computeMs: 0, reduceMs: 0, rounds: 0, counted: 0, late: 0 },
      ...{ age: 0, excluded: {}, up: 0, down: 0, roundMs: 0, busyMs: 0 },
    }
    counts.set(peer, fresh)
    return fresh
  }
  for (const { computedBy = [], rows, round } of record.parts) {
    const shards = computedBy.reduce((sum, by) => sum + by.shards, 0)
    for (const by of computedBy) {
      const count = of(by.peer)
      count.classes.add(by.determinismClass)
      count.shards += by.shards
      count.computeMs += by.computeMs
      if (!round) count.rows += (rows * by.shards) / shards
    }
  }
  countRounds(record, of)
  const names = new Map(record.workers.map(({ peer, name }) => [peer, name]))
  for (const { peer, shards, rows, computeMs } of record.workers) {
    const count = of(peer)
    if (count.shards > 0) continue
    Object.assign(count, { shards, rows, computeMs }) // of a journal that does not say who computed what
  }
  return [...counts]
    .map(([peer, count]) => figuresOf(peer, names.get(peer) ?? '', count))
    .sort((a, b) => b.computeMs + b.reduceMs - a.computeMs - a.reduceMs || (a.peer < b.peer ? -1 : 1))
}

function countRounds(record: JobRecordDocument, of: (peer: string) => Count): void {
  const rounds = roundsOf(record)
  for (const [i, { outcome, members }] of rounds.entries()) {
    const durationMs = Math.max(0, outcome.closedWallMs - outcome.openedWallMs)
    for (const peer of members) {
      const count = of(peer)
      count.rounds++
      count.roundMs += durationMs
    }
    for (const { peer, round, batches, computeMs } of outcome.counted) {
      const count = of(peer)
      count.counted++
      count.rows += batches.reduce((sum, range) => sum + range.count, 0)
      count.busyMs += computeMs
      if (round === outcome.round) continue
      count.late++
      count.age += outcome.round - round
    }
    for (const { at, computeMs = 0 } of outcome.aggregates) {
      of(at).reduceMs += computeMs
      of(at).busyMs += computeMs
    }
    for (const { peer, code } of outcome.excluded) of(peer).excluded[code] = (of(peer).excluded[code] ?? 0) + 1
    countBytes(outcome, rounds[i + 1]?.members ?? members, of)
  }
}

/** Updates go to who aggregates their slice; what they become goes to all members of the next round. */
function countBytes({ counted, aggregates }: RoundOutcome, next: readonly string[], of: (peer: string) => Count): void {
  const send = (from: string, to: string, bytes: number) => {
    if (from === to) return
    of(from).up += bytes
    of(to).down += bytes
  }
  for (const [slice, { at, update }] of aggregates.entries()) {
    for (const { peer, updates } of counted) send(peer, at, updates[slice]?.sizeBytes ?? 0)
    for (const peer of next) send(at, peer, update.sizeBytes)
  }
}

function figuresOf(peer: string, name: string, count: Count): WorkerFigures {
  const { classes, age, up, down, roundMs, busyMs, ...same } = count
  return {
    ...{ peer, name, ...same },
    classes: [...classes],
    staleness: count.late === 0 ? 0 : age / count.late,
    bytes: { up, down },
    ...(roundMs > 0 && { idle: Math.min(1, Math.max(0, 1 - busyMs / roundMs)) }),
  }
}
