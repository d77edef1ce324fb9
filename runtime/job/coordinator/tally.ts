import type { Receipt, ResultPart } from '../../protocol/index.ts'
import type { JobRecord } from '../journal/index.ts'
import { shardsOf } from './assembly.ts'

/** What one worker gave to a job. */
export interface Share {
  shards: number
  rows: number
  computeMs: number
}

/** What a run has come to, as its status tells it. Nothing is decided by these counts. */
export class Tally {
  readonly rows = { read: 0, done: 0, total: undefined as number | undefined }
  readonly bytes = { sent: 0, received: 0 }
  readonly byWorker = new Map<string, Share>()
  failedShards = 0
  /** Shards whose results are durable, those of an earlier run among them; one that several batches share counts for each. */
  doneShards = 0
  /** What the scheduler had counted when the job ended. */
  copies = 0
  retries = 0

  /** `parts`: what an earlier run committed. */
  constructor(parts: JobRecord['parts']) {
    for (const part of parts) this.committed(part)
  }

  /** A result was accepted, of a shard of that many rows. */
  accepted({ worker, computeMs }: Receipt, rows: number, outputs: Uint8Array): void {
    this.bytes.received += outputs.byteLength
    const share = this.byWorker.get(worker) ?? { shards: 0, rows: 0, computeMs: 0 }
    share.shards++
    share.rows += rows
    share.computeMs += computeMs
    this.byWorker.set(worker, share)
  }

  /** A part is durable. */
  committed(part: ResultPart): void {
    this.rows.done += part.rows
    this.doneShards += shardsOf(part).length
  }
}
