import type { JobStatus } from '../protocol/index.ts'
import { unitOf } from '../protocol/unit.ts'
import { formatCount, formatDuration } from './figures.ts'

const BAR_CELLS = 24
const CLEAR_LINE = '\r\x1b[2K'
const STEP = 0.1
/** A pipe gets a line at least this often while rows come in. */
const LINE_EVERY_MS = 10_000

/** Where progress is shown. */
export interface ProgressTarget {
  readonly isTerminal: boolean
  readonly columns: number
  write(text: string): void
  /** Milliseconds on a clock that never goes back. */
  monoMs(): number
}

/**
 * A job's progress: on a terminal one line that is drawn over, elsewhere a plain line for each tenth, each change of
 * workers or state, and otherwise every 10 s.
 */
export class JobProgress {
  readonly #target: ProgressTarget
  readonly #startMs: number
  #lineMs = Number.NEGATIVE_INFINITY
  #printed = ''

  constructor(target: ProgressTarget) {
    this.#target = target
    this.#startMs = target.monoMs()
  }

  /** Shows a new state. */
  update(status: JobStatus): void {
    const elapsedMs = this.#target.monoMs() - this.#startMs
    const text = describeProgress(status, elapsedMs)
    if (this.#target.isTerminal) {
      const line = `${progressBar(share(status))} ${text}`
      this.#target.write(`${CLEAR_LINE}${line.slice(0, this.#target.columns - 1)}`)
      return
    }
    const refused = Object.keys(status.refusals).join()
    const step = `${status.state} ${status.workers.length} ${refused} ${Math.floor((share(status) ?? 0) / STEP)}`
    if (step === this.#printed && elapsedMs - this.#lineMs < LINE_EVERY_MS) return
    this.#printed = step
    this.#lineMs = elapsedMs
    this.#target.write(`${status.job} ${status.state}: ${text}\n`)
  }

  /** Leaves the last line standing. */
  end(): void {
    if (this.#target.isTerminal) this.#target.write('\n')
  }
}

/** `[######------]`, or dots while nobody knows the total. */
export function progressBar(done: number | undefined): string {
  if (done === undefined) return `[${'.'.repeat(BAR_CELLS)}]`
  const cells = Math.round(Math.min(1, done) * BAR_CELLS)
  return `[${'#'.repeat(cells)}${'-'.repeat(BAR_CELLS - cells)}]`
}

/** `120/300 rows, 45.2 rows/s, 2 workers, 4.0 s left`, or why nothing moves; of a training `steps`. */
export function describeProgress(status: JobStatus, elapsedMs: number): string {
  const { rows, workers, shards } = status
  const perSecond = elapsedMs > 0 ? (rows.done / elapsedMs) * 1_000 : 0
  const total = rows.total === undefined ? '' : `/${formatCount(rows.total)}`
  const unit = unitOf(status)
  const parts = [`${formatCount(rows.done)}${total} ${unit}`]
  if (rows.done > 0) parts.push(`${perSecond.toFixed(1)} ${unit}/s`)
  parts.push(`${workers.length} worker${workers.length === 1 ? '' : 's'}`)
  if (shards.retries > 0) parts.push(`${shards.retries} retried`)
  if (status.state === 'running' && perSecond > 0 && rows.total !== undefined)
    parts.push(`${formatDuration(((rows.total - rows.done) / perSecond) * 1_000)} left`)
  const refusals = Object.entries(status.refusals)
  if (status.state === 'running' && shards.running === 0 && refusals.length > 0)
    parts.push(`no device takes its shards: ${refusals.map(([reason, count]) => `${reason} x${count}`).join(', ')}`)
  else if (status.state === 'running' && shards.waiting > 0 && workers.length === 0)
    parts.push('waiting for a device; see: aivida peers')
  return parts.join(', ')
}

function share({ rows, state }: JobStatus): number | undefined {
  if (state === 'done') return 1
  return rows.total === undefined ? undefined : rows.done / Math.max(1, rows.total)
}
