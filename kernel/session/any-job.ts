import type { Table } from 'apache-arrow'
import { userError } from '../../runtime/base/errors.ts'
import type { JobHandle } from '../../runtime/node/control/job-handle.ts'
import type { NodeEvent } from '../../runtime/protocol/index.ts'
import type { JobProgram } from '../job-news.ts'
import { Job } from './job.ts'
import { type Swept, sweptOf } from './sweep-job.ts'
import { type Trained, trainedOf } from './training-job.ts'

/** What any job came to: of inference a table of its rows. */
export type JobResult = Table | Trained | Swept

/** A job that was found again, whatever it computes: `cluster.job(id, 'train')` is one whose kind is known. */
export class AnyJob extends Job<JobResult, NodeEvent> {
  /** Asked for when it is first needed. */
  get program(): Promise<JobProgram> {
    return this.status().then(({ program }) => program as JobProgram)
  }

  protected async resultOf(handle: JobHandle): Promise<JobResult> {
    const { program, job } = await handle.status()
    switch (program) {
      case 'infer':
        return handle.result()
      case 'train':
        return trainedOf(handle)
      case 'sweep':
        return sweptOf(handle)
      default: // of a newer node
        throw userError('job.other-program', `${job} computes ${program}, which this version cannot read`)
    }
  }

  protected async *events(news: AsyncIterable<NodeEvent>): AsyncGenerator<NodeEvent, void, void> {
    yield* news
  }
}
