import type { Table } from 'apache-arrow'
import type { JobHandle } from '../../runtime/node/control/job-handle.ts'
import type { NodeEvent } from '../../runtime/protocol/index.ts'
import { Job } from './job.ts'
import { tableOf } from './job-files.ts'

/**
 * Batch inference on its way. `await` gives the result as one Arrow table: `row`, the input's row, then a column each output of
 * the model. Its events are the node's.
 */
export class InferenceJob extends Job<Table, NodeEvent> {
  readonly program = Promise.resolve('infer' as const)

  /** The rows that are there so far, as one table. */
  async rows(): Promise<Table> {
    return tableOf(await this.parts())
  }

  /** The result part by part as it comes, for one that is larger than memory or is to be seen early: a table each. */
  async *tables(): AsyncGenerator<Table, void, void> {
    for await (const event of this) if (event.type === 'part' && event.part.rows > 0) yield tableOf([event.part])
  }

  protected resultOf(handle: JobHandle): Promise<Table> {
    return handle.result()
  }

  protected async *events(news: AsyncIterable<NodeEvent>): AsyncGenerator<NodeEvent, void, void> {
    yield* news
  }
}
