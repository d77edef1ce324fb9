import { limit, userError } from '../../base/index.ts'
import { isSweep, isTraining, type JobSpec } from '../../protocol/index.ts'
import type { JobJournal } from '../journal/index.ts'
import { type ProgramEvent, quorumOf } from '../programs/index.ts'
import type { RunScheduling } from './run-scheduling.ts'

/** What a change of a job's size needs. */
export interface ScalingInit {
  readonly spec: JobSpec
  readonly journal: JobJournal
  /** What was said in an earlier epoch. */
  readonly before: number | undefined
  readonly scheduling: Pick<RunScheduling, 'scale'>
  /** The program. */
  readonly hear: (said: Extract<ProgramEvent, { type: 'scaled' }>) => void
}

/** How many workers a job may have at once, where that was said while it ran. */
export class Scaling {
  readonly #init: ScalingInit
  #workers: number | undefined

  constructor(init: ScalingInit) {
    this.#init = init
    this.#workers = init.before
  }

  /** At most so many; `undefined` where nothing was said. */
  get workers(): number | undefined {
    return this.#workers
  }

  /** Tells the program what was said in an earlier epoch. */
  begin(): void {
    if (this.#workers !== undefined) this.#init.hear({ type: 'scaled', workers: this.#workers })
  }

  /** Journals it, then acts on it. Throws `scale.single`, `scale.workers`, `log.*`. */
  async to(workers: number): Promise<void> {
    assertScales(this.#init.spec, workers)
    await this.#init.journal.append({ type: 'scaled', workers })
    this.#workers = workers
    this.#init.scheduling.scale(this.#init.spec.job, workers)
    this.#init.hear({ type: 'scaled', workers })
  }
}

function assertScales(spec: JobSpec, workers: number): void {
  if (!isTraining(spec)) {
    const most = isSweep(spec) ? limit('trialsPerSweep') : limit('peers')
    if (workers > most) throw userError('scale.workers', `expected at most ${most} workers, found ${workers}`)
    return
  }
  const { rounds } = spec.request
  if (!rounds)
    throw userError(
      'scale.single',
      'this training is done by one worker at a time; say how many at its beginning: workers: 4, or { min: 2, max: 8 }',
    )
  const [least, most] = [quorumOf(rounds.aggregation), limit('membersPerRound')]
  if (workers < least || workers > most)
    throw userError('scale.workers', `expected ${least} to ${most} workers for this training, found ${workers}`)
}
