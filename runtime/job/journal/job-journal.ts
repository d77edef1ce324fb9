import { z } from 'zod'
import { type Codec, codec } from '../../base/index.ts'
import type { Log } from '../../log/index.ts'
import {
  errorRecordSchema,
  type JobSpec,
  jobSpecSchema,
  type ResultPart,
  resultPartSchema,
} from '../../protocol/index.ts'

const entrySchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('created'), spec: jobSpecSchema }),
  /** The result is committed here: the part file is durable before this entry is. */
  z.object({ type: z.literal('part'), part: resultPartSchema }),
  z.object({
    type: z.literal('ended'),
    state: z.enum(['done', 'failed', 'cancelled']),
    atWallMs: z.number().int(),
    error: errorRecordSchema.optional(),
  }),
])

/** What a job's journal holds. */
export type JobEntry = z.infer<typeof entrySchema>

/** Kept form of a {@link JobEntry}. */
export const jobEntryCodec: Codec<JobEntry> = codec({ name: 'job-entry', schema: entrySchema })

/** A job as its journal tells it. */
export interface JobRecord {
  readonly spec: JobSpec
  readonly parts: readonly ResultPart[]
  readonly ended?: Extract<JobEntry, { type: 'ended' }>
}

/** The durable story of one job. Whoever holds the log's epoch is the job's coordinator; an older one is fenced. */
export class JobJournal {
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  /** The coordinator's epoch: each opening raises it. */
  get epoch(): number {
    return this.#log.epoch
  }

  /** Resolves when the entries are durable. Throws `log.fenced`, `log.disk-full`, `log.failed`. */
  async append(...entries: readonly JobEntry[]): Promise<void> {
    try {
      await this.#log.append(entries.map((entry) => jobEntryCodec.encode(entry)))
    } catch (error) {
      this.#log.resume() // after a full disk the end, which says so, may still fit
      throw error
    }
  }

  /** Replays the journal; `undefined` when the job was never durably created. A part written twice counts once. */
  async load(): Promise<JobRecord | undefined> {
    let spec: JobSpec | undefined
    let ended: JobRecord['ended']
    const parts = new Map<number, ResultPart>()
    for await (const { entry } of this.#log.read(1)) {
      const event = jobEntryCodec.decode(entry)
      if (event.type === 'created') spec = event.spec
      else if (event.type === 'part') parts.set(event.part.index, event.part)
      else ended = event
    }
    return spec && { spec, parts: [...parts.values()], ...(ended && { ended }) }
  }

  close(): Promise<void> {
    return this.#log.close()
  }
}
