import type { TrainingEvent } from '../node/training/index.ts'
import { formatCount, formatDuration } from './figures.ts'
import { type ProgressTarget, progressBar } from './progress.ts'

const CLEAR_LINE = '\r\x1b[2K'
/** A pipe gets a line at most this often between checkpoints. */
const LINE_EVERY_MS = 10_000

/** A training's progress: on a terminal a line that is drawn over, and a line that stays for each checkpoint. */
export class TrainingProgressLines {
  readonly #target: ProgressTarget
  readonly #steps: number
  readonly #startMs: number
  #firstStep: number | undefined
  #lineMs = Number.NEGATIVE_INFINITY

  /** `steps`: in all. */
  constructor(target: ProgressTarget, steps: number) {
    this.#target = target
    this.#steps = steps
    this.#startMs = target.monoMs()
  }

  /** Shows what happened. */
  update(event: TrainingEvent): void {
    const { isTerminal, columns, write, monoMs } = this.#target
    if (event.type === 'checkpoint') {
      const measured = Object.entries(event.validation ?? {}).map(
        ([name, value]) => `validation ${name} ${figure(value)}`,
      )
      const text = [`checkpoint at step ${formatCount(event.step)}`, ...measured].join(', ')
      write(`${isTerminal ? CLEAR_LINE : ''}${text}\n`)
      return
    }
    const elapsedMs = monoMs() - this.#startMs
    const text = this.#describe(event, elapsedMs)
    if (isTerminal) write(`${CLEAR_LINE}${`${progressBar(event.step / this.#steps)} ${text}`.slice(0, columns - 1)}`)
    else if (elapsedMs - this.#lineMs >= LINE_EVERY_MS) {
      this.#lineMs = elapsedMs
      write(`${text}\n`)
    }
  }

  /** Leaves the last line standing. */
  end(): void {
    if (this.#target.isTerminal) this.#target.write('\n')
  }

  #describe({ step, metrics, rowsPerSecond }: Extract<TrainingEvent, { type: 'steps' }>, elapsedMs: number): string {
    this.#firstStep ??= step
    const done = step - this.#firstStep
    const leftMs = done > 0 ? ((this.#steps - step) / done) * elapsedMs : undefined
    return [
      `step ${formatCount(step)}/${formatCount(this.#steps)}`,
      ...Object.entries(metrics).map(([name, value]) => `${name} ${figure(value)}`),
      `${formatCount(Math.round(rowsPerSecond))} rows/s`,
      ...(leftMs === undefined ? [] : [`${formatDuration(leftMs)} left`]),
    ].join(', ')
  }
}

function figure(value: number): string {
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e4 ? value.toFixed(4) : value.toExponential(2)
}
