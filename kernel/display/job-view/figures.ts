import { count, duration } from '../../../runtime/node/record/report/figures.ts'
import type { JobStatus } from '../../../runtime/protocol/index.ts'
import type { JobView } from './job-view.ts'

/** A worker, for a row. */
export interface WorkerRow {
  readonly peer: string
  readonly name: string
  readonly state: JobStatus['workers'][number]['state']
  readonly shards: number
  readonly running: number
  readonly rows: number
  /** While its engine was at work; rows, or steps. */
  readonly perSecond: number | undefined
  readonly computeMs: number
  /** How much slower than the middle one, where that is twice or more. */
  readonly behind: number | undefined
  /** Of rounds. */
  readonly counted: number
  readonly missed: number
  readonly late: number
}

/** A worker that is so many times slower than the middle one is told as a straggler. */
const STRAGGLES = 2

/** The workers of a job, the busiest first. */
export function workerRows({ status, roundTotals }: JobView): WorkerRow[] {
  if (!status) return []
  const speed = ({ rows, computeMs }: JobStatus['workers'][number]) =>
    rows > 0 && computeMs > 0 ? (1_000 * rows) / computeMs : undefined
  const speeds = status.workers.flatMap((worker) => speed(worker) ?? []).sort((a, b) => a - b)
  const middle = speeds[Math.floor(speeds.length / 2)] ?? 0
  return status.workers
    .map((worker): WorkerRow => {
      const perSecond = speed(worker)
      const slower = perSecond !== undefined && speeds.length > 1 ? middle / perSecond : 1
      const { peer, name, state, shards, running, rows, computeMs } = worker
      return {
        ...{ peer, state, shards, running, rows, perSecond, computeMs },
        name: name || peer.slice(-8),
        behind: slower >= STRAGGLES ? slower : undefined,
        counted: roundTotals.counted.get(peer) ?? 0,
        missed: roundTotals.missed.get(peer) ?? 0,
        late: roundTotals.late.get(peer) ?? 0,
      }
    })
    .sort((a, b) => b.rows - a.rows || (a.peer < b.peer ? -1 : 1))
}

/** How fast a job goes, and how long it will take; of what is not known nothing. */
export interface Pace {
  readonly elapsedMs: number
  /** Share that is done, 0 to 1. */
  readonly share: number | undefined
  /** Rows, or steps. */
  readonly perSecond: number | undefined
  /** Of a training: rows that its workers learn from. */
  readonly rowsPerSecond: number | undefined
  readonly leftMs: number | undefined
}

/** Steps of a worker that were told longer ago are no present speed. */
const FRESH_MS = 5_000

/** The pace of a job at a moment of the wall clock. */
export function paceOf(view: JobView, nowWallMs: number): Pace {
  const { status, progress, steps } = view
  if (!status)
    return { elapsedMs: 0, share: undefined, perSecond: undefined, rowsPerSecond: undefined, leftMs: undefined }
  const { rows, state, createdWallMs, finishedWallMs } = status
  const elapsedMs = Math.max(0, (finishedWallMs ?? nowWallMs) - createdWallMs)
  const over = rows.done > 0 && elapsedMs > 0 ? (1_000 * rows.done) / elapsedMs : undefined
  const [first, last] = [progress[0], progress.at(-1)]
  const spanMs = first && last ? Math.max(last.atWallMs, nowWallMs) - first.atWallMs : 0
  const lately = first && last && progress.length > 1 && spanMs > 0 ? (1_000 * (last.done - first.done)) / spanMs : over
  const perSecond = state === 'running' ? lately : over
  const fresh = [...steps.values()].filter(({ atWallMs }) => nowWallMs - atWallMs < FRESH_MS)
  const left = rows.total === undefined ? undefined : rows.total - rows.done
  return {
    elapsedMs,
    share:
      state === 'done' ? 1 : rows.total === undefined ? undefined : Math.min(1, rows.done / Math.max(1, rows.total)),
    perSecond,
    rowsPerSecond:
      state === 'running' && fresh.length > 0
        ? fresh.reduce((sum, { rowsPerSecond }) => sum + rowsPerSecond, 0)
        : undefined,
    leftMs: state === 'running' && left !== undefined && perSecond ? (1_000 * left) / perSecond : undefined,
  }
}

/** A rate for people: four digits that matter at most. */
export function rate(perSecond: number, unit: string): string {
  const value = perSecond >= 100 ? count(perSecond) : String(Number(perSecond.toPrecision(3)))
  return `${value} ${unit}/s`
}

/** What became of a job that its node has not told of. */
export function notTaken(job: string | undefined): string {
  return job === undefined ? 'not submitted' : 'out of reach'
}

/** What people should know of a running job that does not move, or not as they may think; the most pressing first. */
export function notesOf(view: JobView): string[] {
  const { status, failure, alone } = view
  if (!status) return []
  const { state, shards, workers, refusals, rounds, error, adoption } = status
  const notes: string[] = []
  if (failure) notes.push(`no more can be heard of it: ${failure.code}: ${failure.message}`)
  if (error) notes.push(`${error.code}: ${error.message}`)
  if (adoption)
    notes.push(`it goes on at another node: ${adoption.by.slice(-8)} took it over from ${adoption.from.slice(-8)}`)
  if (alone && workers.length < 2) notes.push('there is no other machine: this one computes alone')
  if (state !== 'running') return notes
  const refused = Object.entries(refusals).map(([reason, times]) => `${reason} ×${times}`)
  if (rounds?.waits !== undefined) notes.push(rounds.waits)
  if (shards.running === 0 && refused.length > 0) notes.push(`no device takes its shards: ${refused.join(', ')}`)
  else if (shards.waiting > 0 && shards.running === 0 && workers.length === 0) notes.push('waits for a device')
  return notes
}

/** `12.5 s left` or, of what has ended, `took 12.5 s`. */
export function timeText({ elapsedMs, leftMs }: Pace, { state }: JobStatus): string {
  if (state !== 'running') return `took ${duration(elapsedMs)}`
  return leftMs === undefined ? `for ${duration(elapsedMs)}` : `for ${duration(elapsedMs)}, ${duration(leftMs)} left`
}
