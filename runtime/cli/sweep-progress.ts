import { describeParameters } from '../node/sweep/parameters.ts'
import type { SweepEvent } from '../node/sweep/sweep-handle.ts'
import type { Parameter, SweepView } from '../protocol/index.ts'
import { formatCount, formatDuration } from './figures.ts'
import type { ProgressTarget } from './progress.ts'

const CLEAR_LINE = '\r\x1b[2K'
/** A pipe gets a line at most this often, but for each new best trial. */
const LINE_EVERY_MS = 10_000

/** What {@link SweepProgressLines} calls things by. */
export interface SweepNames {
  readonly trials: readonly Readonly<Record<string, Parameter>>[]
  readonly metric: string
}

/** A sweep's progress: on a terminal a line that is drawn over, and a line that stays for each trial that is the best so far. */
export class SweepProgressLines {
  readonly #target: ProgressTarget
  readonly #names: SweepNames
  readonly #startMs: number
  #best: string | undefined
  #lineMs = Number.NEGATIVE_INFINITY

  constructor(target: ProgressTarget, names: SweepNames) {
    this.#target = target
    this.#names = names
    this.#startMs = target.monoMs()
  }

  /** Shows what happened. */
  update(event: SweepEvent): void {
    if (event.type !== 'sweep') return
    const { isTerminal, columns, write, monoMs } = this.#target
    const { best } = event
    const bestText = best && `${best.trial} ${best.value}`
    if (best && bestText !== this.#best) {
      this.#best = bestText
      const { trials, metric } = this.#names
      write(
        `${isTerminal ? CLEAR_LINE : ''}best so far: ${describeParameters(trials[best.trial]!)}: ${metric} ${figure(best.value)} at step ${formatCount(best.step)}\n`,
      )
    }
    const elapsedMs = monoMs() - this.#startMs
    const text = `${describeSweep(event)}, ${formatDuration(elapsedMs)}`
    if (isTerminal) write(`${CLEAR_LINE}${text.slice(0, columns - 1)}`)
    else if (elapsedMs - this.#lineMs >= LINE_EVERY_MS) {
      this.#lineMs = elapsedMs
      write(`${text}\n`)
    }
  }

  /** Leaves the last line standing. */
  end(): void {
    if (this.#target.isTerminal) this.#target.write('\n')
  }
}

/** Where a sweep's trials are: `27 trials: 2 running, 7 waiting, 3 done; rungs 18, 5, 1`. */
export function describeSweep({ waiting, running, paused, done, failed, rungs }: SweepView): string {
  const counts = Object.entries({ running, waiting, paused, done, failed }).filter(([, count]) => count > 0)
  const all = waiting + running + paused + done + failed
  const reached = rungs.length > 1 ? `; rungs ${rungs.join(', ')}` : ''
  return `${all} trials: ${counts.map(([what, count]) => `${count} ${what}`).join(', ')}${reached}`
}

/** A measurement for people. */
export function figure(value: number): string {
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e4 ? value.toFixed(4) : value.toExponential(2)
}
