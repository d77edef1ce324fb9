import { assertNever } from '../base/index.ts'
import type { NamedPeer, TrainingEvent } from '../node/training/index.ts'
import { formatBytes, formatCount, formatDuration, harmless } from './figures.ts'
import { type ProgressTarget, progressBar } from './progress.ts'

const CLEAR_LINE = '\r\x1b[2K'
/** A pipe gets a line at most this often between what is always told. */
const LINE_EVERY_MS = 10_000

type Of<T extends TrainingEvent['type']> = Extract<TrainingEvent, { type: T }>

/**
 * A training's progress: on a terminal a line that is drawn over, and lines that stay for each checkpoint, for who takes part
 * or is waited for, and for who did not count in a round.
 */
export class TrainingProgressLines {
  readonly #target: ProgressTarget
  readonly #steps: number
  readonly #startMs: number
  #firstStep: number | undefined
  #lineMs = Number.NEGATIVE_INFINITY
  /** What was told last of each, with several workers. */
  readonly #told = new Map<'sync' | 'waits' | 'members', string>()
  /** The last steps of each worker since the last round. */
  readonly #working = new Map<string, Of<'steps'>>()
  #round: Of<'round'> | undefined
  #inRounds = false

  /** `steps`: in all. */
  constructor(target: ProgressTarget, steps: number) {
    this.#target = target
    this.#steps = steps
    this.#startMs = target.monoMs()
  }

  /** Shows what happened. */
  update(event: TrainingEvent): void {
    switch (event.type) {
      case 'steps':
        if (this.#inRounds) this.#stepsInRound(event)
        else this.#draw(event.step, [...figures(event.metrics), rate(event.rowsPerSecond)])
        return
      case 'checkpoint': {
        const measured = Object.entries(event.validation ?? {})
        this.#stay(
          [
            `checkpoint at step ${formatCount(event.step)}`,
            ...measured.map(([name, value]) => `validation ${name} ${figure(value)}`),
          ].join(', '),
        )
        return
      }
      case 'members':
        this.#inRounds = true
        this.#members(event)
        return
      case 'round':
        this.#closed(event)
        return
      default:
        assertNever(event)
    }
  }

  /** Leaves the last line standing. */
  end(): void {
    if (this.#target.isTerminal) this.#target.write('\n')
  }

  #members({ sync, waits, members, refusals }: Of<'members'>): void {
    const refused = Object.entries(refusals).map(([reason, count]) => `${reason} x${count}`)
    this.#tell('sync', sync ?? '')
    this.#tell('waits', [waits ?? '', ...(waits && refused.length > 0 ? [`refused by ${refused}`] : [])].join('; '))
    if (members.length > 0) this.#tell('members', `trained by ${members.map(nameOf).sort().join(', ')}`)
  }

  #closed(event: Of<'round'>): void {
    const { round, step, metrics, rowsPerSecond, members, excluded, bytes } = event
    this.#inRounds = true
    if (!this.#round || step >= this.#steps) this.#lineMs = Number.NEGATIVE_INFINITY // the first and the last are always told
    this.#round = event
    this.#working.clear()
    for (const { code, message, ...peer } of excluded)
      this.#stay(`round ${formatCount(round)} goes without ${nameOf(peer)}: ${code}: ${message}`)
    this.#draw(step, [
      `round ${formatCount(round)}`,
      ...figures(metrics),
      rate(rowsPerSecond),
      `${members.length} member${members.length === 1 ? '' : 's'}`,
      `${formatBytes(bytes.up)} up, ${formatBytes(bytes.down)} down each`,
    ])
  }

  /** Rounds may be long: what their members do meanwhile, together. */
  #stepsInRound(event: Of<'steps'>): void {
    this.#working.set(event.worker, event)
    const all = [...this.#working.values()]
    this.#draw(this.#round?.step ?? 0, [
      `round ${formatCount(this.#round === undefined ? 0 : this.#round.round + 1)}`,
      ...figures(event.metrics),
      rate(all.reduce((sum, { rowsPerSecond }) => sum + rowsPerSecond, 0)),
      `${all.length} at work`,
    ])
  }

  /** Says it once, until it is another. */
  #tell(what: 'sync' | 'waits' | 'members', text: string): void {
    if ((this.#told.get(what) ?? '') === text) return
    this.#told.set(what, text)
    if (text !== '') this.#stay(text)
  }

  #stay(text: string): void {
    this.#target.write(`${this.#target.isTerminal ? CLEAR_LINE : ''}${harmless(text)}\n`)
  }

  #draw(step: number, parts: readonly string[]): void {
    const { isTerminal, columns, write, monoMs } = this.#target
    const elapsedMs = monoMs() - this.#startMs
    this.#firstStep ??= step
    const done = step - this.#firstStep
    const left = done > 0 ? [`${formatDuration(((this.#steps - step) / done) * elapsedMs)} left`] : []
    const text = [`step ${formatCount(step)}/${formatCount(this.#steps)}`, ...parts, ...left].join(', ')
    if (isTerminal) write(`${CLEAR_LINE}${`${progressBar(step / this.#steps)} ${text}`.slice(0, columns - 1)}`)
    else if (elapsedMs - this.#lineMs >= LINE_EVERY_MS) {
      this.#lineMs = elapsedMs
      write(`${text}\n`)
    }
  }
}

function nameOf({ peer, name }: NamedPeer): string {
  return name || peer.slice(-8)
}

function rate(rowsPerSecond: number): string {
  return `${formatCount(Math.round(rowsPerSecond))} rows/s`
}

function figures(metrics: Readonly<Record<string, number>>): string[] {
  return Object.entries(metrics).map(([name, value]) => `${name} ${figure(value)}`)
}

function figure(value: number): string {
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e4 ? value.toFixed(4) : value.toExponential(2)
}
