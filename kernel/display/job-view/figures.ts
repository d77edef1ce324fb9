import { count, duration } from '../../../runtime/node/record/report/figures.ts'
import type { JobStatus } from '../../../runtime/protocol/index.ts'
import { doneOf, type JobView } from './job-view.ts'

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

/** A worker that is so many times slower than the middle one is told as a straggler ... */
const STRAGGLES = 2
/** ... once it has computed so long: what is over in milliseconds tells nothing of a machine. */
const TELLING_MS = 1_000

/** The workers of a job, the busiest first. */
export function workerRows(view: JobView): WorkerRow[] {
  const { status, roundTotals } = view
  if (!status) return []
  const workers = status.workers.map((worker) => withTold(view, worker))
  const speeds = workers.flatMap(({ perSecond }) => perSecond ?? []).sort((a, b) => a - b)
  const middle = speeds[Math.floor(speeds.length / 2)] ?? 0
  return workers
    .map((worker): WorkerRow => {
      const { peer, name, perSecond } = worker
      const isTelling = perSecond !== undefined && speeds.length > 1 && worker.computeMs >= TELLING_MS
      const slower = isTelling ? middle / perSecond : 1
      return {
        ...worker,
        name: name || peer.slice(-8),
        behind: slower >= STRAGGLES ? slower : undefined,
        counted: roundTotals.counted.get(peer) ?? 0,
        missed: roundTotals.missed.get(peer) ?? 0,
        late: roundTotals.late.get(peer) ?? 0,
      }
    })
    .sort((a, b) => b.rows - a.rows || (a.peer < b.peer ? -1 : 1))
}

type Told = Pick<WorkerRow, 'peer' | 'name' | 'state' | 'shards' | 'running' | 'rows' | 'computeMs' | 'perSecond'>

/** What a worker has done, the steps of a training among it that it has told of and whose part is not there yet. */
function withTold(view: JobView, worker: JobStatus['workers'][number]): Told {
  const { peer, name, state, shards, running, rows, computeMs } = worker
  const [done, status] = [doneOf(view), view.status!]
  const told = view.reached?.worker === peer ? done - status.rows.done : 0
  const own = rows > 0 && computeMs > 0 ? (1_000 * rows) / computeMs : undefined
  const perSecond = own ?? (told > 0 ? sampledSpeed(view.progress) : undefined)
  return { peer, name, state, shards, running, rows: rows + told, computeMs, perSecond }
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
  const { status, progress, speeds } = view
  if (!status)
    return { elapsedMs: 0, share: undefined, perSecond: undefined, rowsPerSecond: undefined, leftMs: undefined }
  const { rows, state, createdWallMs, finishedWallMs } = status
  const done = doneOf(view)
  const elapsedMs = Math.max(0, (finishedWallMs ?? nowWallMs) - createdWallMs)
  const over = done > 0 && elapsedMs > 0 ? (1_000 * done) / elapsedMs : undefined
  const perSecond = state === 'running' ? sampledSpeed(progress, nowWallMs) : over // until then it was prepared
  // members of rounds tell how fast they compute, which is not how fast rows are learned from
  const fresh = status.rounds ? [] : [...speeds.values()].filter(({ atWallMs }) => nowWallMs - atWallMs < FRESH_MS)
  const left = rows.total === undefined ? undefined : rows.total - done
  return {
    elapsedMs,
    share: state === 'done' ? 1 : rows.total === undefined ? undefined : Math.min(1, done / Math.max(1, rows.total)),
    perSecond,
    rowsPerSecond:
      state === 'running' && fresh.length > 0
        ? fresh.reduce((sum, { rowsPerSecond }) => sum + rowsPerSecond, 0)
        : undefined,
    leftMs: state === 'running' && left !== undefined && perSecond ? (1_000 * left) / perSecond : undefined,
  }
}

/** What was done a second between the first sample and the last, or now; of fewer than two samples nothing is known. */
function sampledSpeed(progress: JobView['progress'], nowWallMs = 0): number | undefined {
  const [first, last] = [progress[0], progress.at(-1)]
  if (!first || !last || first === last) return undefined
  const spanMs = Math.max(last.atWallMs, nowWallMs) - first.atWallMs
  return spanMs > 0 ? (1_000 * (last.done - first.done)) / spanMs : undefined
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

/** Something that people should know of a job, and how it is meant. */
export interface Note {
  readonly text: string
  readonly tone: 'bad' | 'warn' | 'soft'
}

/** What people should know of a job that does not move, or not as they may think; the most pressing first. */
export function notesOf(view: JobView): Note[] {
  const { status, failure, alone, reached } = view
  if (!status) return []
  const { state, rows, shards, workers, refusals, rounds, error, adoption } = status
  const notes: Note[] = []
  const note = (tone: Note['tone'], text: string) => notes.push({ tone, text })
  if (failure) note('bad', `no more can be heard of it: ${failure.code}: ${failure.message}`)
  if (error && state === 'cancelled') note('warn', error.message)
  else if (error) note('bad', `${error.code}: ${error.message}`)
  if (adoption)
    note('warn', `it goes on at another node: ${adoption.by.slice(-8)} took it over from ${adoption.from.slice(-8)}`)
  if (state !== 'running' && reached && reached.step > rows.done)
    note('soft', `step ${count(reached.step)} was made; what is kept ends with step ${count(rows.done)}`)
  if (alone && workers.length < 2) note('warn', 'there is no other machine: this one computes alone')
  if (state !== 'running') return notes
  const refused = Object.entries(refusals).map(([reason, times]) => `${reason} ×${times}`)
  if (rounds?.waits !== undefined) note('warn', rounds.waits)
  if (shards.running === 0 && refused.length > 0) note('warn', `no device takes its shards: ${refused.join(', ')}`)
  else if (shards.waiting > 0 && shards.running === 0 && workers.length === 0) note('warn', 'waits for a device')
  return notes
}

/** `12.5 s left` or, of what has ended, `took 12.5 s`. */
export function timeText({ elapsedMs, leftMs }: Pace, { state }: JobStatus): string {
  if (state !== 'running') return `took ${duration(elapsedMs)}`
  return leftMs === undefined ? `for ${duration(elapsedMs)}` : `for ${duration(elapsedMs)}, ${duration(leftMs)} left`
}
