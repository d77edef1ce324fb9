import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Table } from 'apache-arrow'
import { userError } from '../../base/index.ts'
import { trainingStep } from '../../compute/graph/index.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import type { Checkpoint, JobStatus, Parameter, SweepView } from '../../protocol/index.ts'
import type { RequestOptions } from '../control/connection.ts'
import type { JobHandle } from '../control/job-handle.ts'
import { TRIALS_FILE } from '../jobs/trials-file.ts'
import { tensorsOf } from '../training/index.ts'
import type { Sweep } from './definition.ts'
import { trainingOf } from './sweep-files.ts'

/** Something that happened in a sweep: a trial has come to a checkpoint, or the sweep as a whole has moved. */
export type SweepEvent =
  | ({
      readonly type: 'trial'
      readonly trial: number
      readonly parameters: Readonly<Record<string, Parameter>>
    } & Checkpoint)
  | ({ readonly type: 'sweep' } & SweepView)

/** A trial among the others, once the sweep has ended. */
export interface RankedTrial {
  readonly trial: number
  readonly parameters: Readonly<Record<string, Parameter>>
  /** The best value of the sweep's metric. */
  readonly value: number
  /** Its step. */
  readonly step: number
}

/** A sweep on its way, from a client's side, with what its trials are made of. */
export class SweepHandle {
  readonly job: JobHandle
  readonly sweep: Sweep

  constructor(job: JobHandle, sweep: Sweep) {
    this.job = job
    this.sweep = sweep
  }

  /** The job's id. */
  get id(): string {
    return this.job.id
  }

  /** How it goes on, until it has ended. */
  async *events(options: RequestOptions = {}): AsyncGenerator<SweepEvent, void, void> {
    for await (const event of this.job.events(options)) {
      if (event.type === 'job' && event.status.sweep) yield { type: 'sweep', ...event.status.sweep }
      const { trial, checkpoint } = event.type === 'part' ? event.part : {}
      if (!trial || !checkpoint) continue
      yield { type: 'trial', trial: trial.trial, parameters: this.sweep.trials[trial.trial]!, ...checkpoint }
    }
  }

  /** Resolves when it is done. Rejects with what it failed of: what all of its trials did. */
  done(options: RequestOptions = {}): Promise<JobStatus> {
    return this.job.done(options)
  }

  /**
   * A row each trial, in their order, once it has ended, however it did: `trial`, `rank` (1 is the best), its parameters,
   * `state` (`done`, `stopped`, `failed`, `waiting`), `steps`, `bestStep`, `validation.NAME` of its best checkpoint, `error`.
   * Throws `sweep.no-table` before.
   */
  async table(options: RequestOptions = {}): Promise<Table> {
    const { outputDir } = await this.job.status(options)
    const bytes = await readFile(join(outputDir, TRIALS_FILE)).catch(() => undefined)
    if (!bytes)
      throw userError(
        'sweep.no-table',
        `${this.id} has no table in ${outputDir} yet; it is there once the job has ended`,
      )
    const { tableFromIPC } = await import('apache-arrow')
    return tableFromIPC(bytes)
  }

  /** The best trial, once it has ended, however it did. Throws `sweep.no-table`, `sweep.no-trial` when none was measured. */
  async best(options: RequestOptions = {}): Promise<RankedTrial> {
    const { metric = 'loss' } = this.sweep.definition
    for (const row of (await this.table(options)).toArray()) {
      if (row.rank !== 1) continue
      const { trial, bestStep } = row as { trial: number; bestStep: number }
      return { trial, parameters: this.sweep.trials[trial]!, value: row[`validation.${metric}`], step: bestStep }
    }
    throw userError('sweep.no-trial', `no trial of ${this.id} came to a measurement of ${metric}; the table says why`)
  }

  /** The best trial's state. Throws as {@link best} does. */
  async state(options: RequestOptions = {}): Promise<NamedTensors> {
    await this.best(options)
    const { outputDir } = await this.job.status(options)
    return tensorsOf(await readFile(join(outputDir, 'best.safetensors')))
  }

  /** The best trial's model as an ONNX file for inference, batches of any size. Throws as {@link best} does. */
  async model(options: RequestOptions = {}): Promise<Uint8Array> {
    const { trial } = await this.best(options)
    return trainingStep(trainingOf(this.sweep, trial).definition).inference(await this.state(options))
  }
}
