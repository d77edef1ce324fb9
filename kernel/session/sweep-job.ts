import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Table } from 'apache-arrow'
import { userError } from '../../runtime/base/errors.ts'
import type { NamedTensors } from '../../runtime/data/tensor/index.ts'
import type { JobHandle } from '../../runtime/node/control/job-handle.ts'
import type { RankedTrial, SweepEvent } from '../../runtime/node/sweep/sweep-handle.ts'
import type { JobRecordDocument, JobRequest, JobStatus, NodeEvent } from '../../runtime/protocol/index.ts'
import type { SweepNews } from '../job-news.ts'
import { Job } from './job.ts'
import { modelFileOf, modelOf, stateOf } from './job-files.ts'

/** What a sweep came to. */
export interface Swept {
  /** The job's id. */
  readonly job: string
  /** A row each trial, in their order: its parameters, `rank` (1 is the best), `state`, `steps`, what its evaluation gave. */
  readonly table: Table
  readonly best: RankedTrial
  /** The best trial's model as an ONNX file, as of a training ... */
  readonly model: Uint8Array
  /** ... and where that lies on this machine. */
  readonly modelFile: string
  /** The best trial's state by name. */
  readonly state: NamedTensors
}

/** A sweep on its way. `await` gives what it came to; its events are the checkpoints of its trials, and where it stands. */
export class SweepJob extends Job<Swept, SweepEvent> {
  readonly program = Promise.resolve('sweep' as const)

  /** A row each trial, once it has ended, however it did. Throws `sweep.no-table` before. */
  async table(): Promise<Table> {
    return trialsOf(await this.here())
  }

  /** The best trial, once it has ended, however it did. Throws `sweep.no-table`, `sweep.no-trial`. */
  async best(): Promise<RankedTrial> {
    return bestOf(await this.table(), sweepRequestOf(await this.record()))
  }

  protected resultOf(handle: JobHandle): Promise<Swept> {
    return sweptOf(handle)
  }

  protected async *events(news: AsyncIterable<NodeEvent>): AsyncGenerator<SweepEvent, void, void> {
    const trials = trialsIn(await this.record())
    for await (const event of news) {
      if (event.type === 'job' && event.status.sweep) yield { type: 'sweep', ...event.status.sweep }
      const { trial, checkpoint } = event.type === 'part' ? event.part : {}
      if (!trial || !checkpoint) continue
      yield { type: 'trial', trial: trial.trial, parameters: trials[trial.trial] ?? {}, ...checkpoint }
    }
  }
}

/** What a sweep that is done came to. Throws `sweep.no-trial` when none of its trials was measured. */
export async function sweptOf(handle: JobHandle): Promise<Swept> {
  const status = await handle.status()
  const table = await trialsOf(status)
  return {
    job: status.job,
    table,
    best: await bestOf(table, sweepRequestOf(await handle.record())),
    model: await modelOf(status),
    modelFile: await modelFileOf(status),
    state: await stateOf(status, 'best'),
  }
}

/** The parameters of a sweep's trials, in their order, as its record has them. */
export function trialsIn(record: JobRecordDocument): SweepNews['trials'] {
  return sweepRequestOf(record).trials.map(({ parameters }) => parameters)
}

type SweepRequest = Extract<JobRequest, { program: 'sweep' }>

function sweepRequestOf({ job, request }: JobRecordDocument): SweepRequest {
  if (request.program === 'sweep') return request
  throw userError('job.other-program', `${job} is no sweep, its program is ${request.program}`)
}

async function trialsOf({ job, outputDir }: JobStatus): Promise<Table> {
  const [{ tableFromIPC }, { TRIALS_FILE }] = await Promise.all([
    import('apache-arrow'),
    import('../../runtime/node/jobs/trials-file.ts'),
  ])
  const bytes = await readFile(join(outputDir, TRIALS_FILE)).catch(() => undefined)
  if (bytes) return tableFromIPC(bytes)
  throw userError('sweep.no-table', `${job} has no table in ${outputDir} yet; it is there once the job has ended`)
}

async function bestOf(table: Table, { trials, metric = 'loss' }: SweepRequest): Promise<RankedTrial> {
  const { MEASURED } = await import('../../runtime/node/jobs/trials-file.ts')
  for (const row of table.toArray()) {
    if (row.rank !== 1) continue
    const { trial, bestStep } = row as { trial: number; bestStep: number }
    return { trial, parameters: trials[trial]?.parameters ?? {}, value: row[`${MEASURED}${metric}`], step: bestStep }
  }
  throw userError('sweep.no-trial', `no trial came to a measurement of ${metric}; the table says why`)
}
