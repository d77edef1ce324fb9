import { z } from 'zod'
import { type Clock, type Codec, codec, limit } from '../../base/index.ts'
import { type FileStoreInit, type Log, type LogStore, openLog, type SeenEntry } from '../../log/index.ts'
import {
  accountIdSchema,
  errorRecordSchema,
  type JobSpec,
  jobSpecSchema,
  logKey,
  peerIdSchema,
  type ResultPart,
  type RoundManifest,
  resultPartSchema,
  roundManifestSchema,
  type Signed,
  type Signer,
  signedSchema,
  sourceSpecSchema,
} from '../../protocol/index.ts'
import { appendsOf } from './appends.ts'

const entrySchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('created'), spec: jobSpecSchema }),
  /** What the input was when it was opened first: a later epoch goes on with the same one, or not at all. */
  z.object({ type: z.literal('source'), identity: z.string().max(128) }),
  /** A worker is about to be given leases of this job for the first time. */
  z.object({ type: z.literal('worker'), peer: peerIdSchema }),
  /** The result is committed here: the part file is durable before this entry is. */
  z.object({ type: z.literal('part'), part: resultPartSchema }),
  /** A round of a training was opened; it is closed by the `part` that tells what it came to. */
  z.object({ type: z.literal('round'), manifest: roundManifestSchema }),
  /** So many workers may work on it at once from now on. */
  z.object({ type: z.literal('scaled'), workers: z.number().int().min(1) }),
  /** From now on the nodes of these accounts, and of no others, may read it. */
  z.object({ type: z.literal('shared'), accounts: z.array(accountIdSchema).max(limit('sharesPerJob')) }),
  /**
   * This node coordinates the job now, in another's place. Parts count from here on: those of before that are kept are
   * journalled again.
   */
  z.object({
    type: z.literal('adopted'),
    adoption: signedSchema,
    outputDir: z.string(),
    /** Where the input is read, when not where it was. */
    input: sourceSpecSchema.optional(),
  }),
  z.object({
    type: z.literal('ended'),
    /** `adopted`: another node coordinates the job, see `adoption`. */
    state: z.enum(['done', 'failed', 'cancelled', 'adopted']),
    atWallMs: z.number().int(),
    error: errorRecordSchema.optional(),
    adoption: signedSchema.optional(),
  }),
])

/** What a job's journal holds. */
export type JobEntry = z.infer<typeof entrySchema>

/** Kept form of a {@link JobEntry}. */
export const jobEntryCodec: Codec<JobEntry> = codec({
  name: 'job-entry',
  version: 8,
  schema: entrySchema,
  // Version 2 added `worker`, version 3 `adopted` and `source`, version 4 jobs that train, version 5 `round`, version 6 sweeps,
  // version 7 `scaled`, version 8 `shared`.
  upgrades: {
    1: (entry) => entry,
    2: (entry) => entry,
    3: (entry) => entry,
    4: (entry) => entry,
    5: (entry) => entry,
    6: (entry) => entry,
    7: (entry) => entry,
  },
})

/** A job as its journal tells it. */
export interface JobRecord {
  readonly spec: JobSpec
  /** By index. */
  readonly parts: readonly ResultPart[]
  /** Workers that were given leases, in whatever epoch. */
  readonly workers: readonly string[]
  /** By which this node coordinates it in another's place. */
  readonly adoption?: Signed
  /** Identity of the input; absent when it was never opened. */
  readonly source?: string
  /** Of a training: rounds that were opened, by number; of one that was opened again the newest. */
  readonly rounds?: readonly RoundManifest[]
  /** Workers that it may have at once, where that was said after it began. */
  readonly maxWorkers?: number
  /** Accounts whose nodes may read it; absent where that was never said. */
  readonly sharedWith?: readonly string[]
  readonly ended?: Extract<JobEntry, { type: 'ended' }>
}

/** What a job's journal is opened with. */
export interface JobJournalInit {
  readonly clock: Clock
  /** Signs what is journalled, in the job's name. */
  readonly signer: Signer
  /** What is known to have been durable. */
  readonly seen?: SeenEntry
  /** See {@link OpenOptions.minEpoch}. */
  readonly minEpoch?: number
  /** Whose groups are in it beside this node's: those of the coordinator whose place it takes. */
  readonly writtenBy?: Uint8Array
  /** Called as soon as the journal takes no more, with when it will be free for the next who opens it. */
  readonly onClosing?: (free: Promise<void>) => void
}

/** The durable story of one job. Whoever holds the log's epoch is the job's coordinator; an older one is fenced. */
export class JobJournal {
  readonly #log: Log
  readonly #onClosing: JobJournalInit['onClosing']

  private constructor(log: Log, onClosing: JobJournalInit['onClosing']) {
    this.#log = log
    this.#onClosing = onClosing
  }

  /** Takes the journal of a job over: its epoch rises. Throws `log.*`. */
  static async open(home: LogStore | FileStoreInit, job: string, init: JobJournalInit): Promise<JobJournal> {
    const { clock, signer, seen, minEpoch, writtenBy, onClosing } = init
    const key = logKey(job, signer, writtenBy && [writtenBy])
    const log = await openLog(home, {
      clock,
      key,
      ...(seen && { seen }),
      ...(minEpoch !== undefined && { minEpoch }),
    })
    return new JobJournal(log, onClosing)
  }

  /** For scrubbing and followers. */
  get log(): Log {
    return this.#log
  }

  /** The coordinator's epoch: each opening raises it. */
  get epoch(): number {
    return this.#log.epoch
  }

  /**
   * Resolves when the entries are durable. The end of a job, which may have to say that the disk is full, has space set
   * aside. Throws `log.fenced`, `log.disk-full`, `log.failed`.
   */
  async append(...entries: readonly JobEntry[]): Promise<void> {
    try {
      const reserved = entries.some(({ type }) => type === 'ended')
      const bytes = entries.map((entry) => jobEntryCodec.encode(entry))
      for (const some of appendsOf(bytes)) await this.#log.append(some, { reserved })
    } catch (error) {
      this.#log.resume() // entries do not build on each other, and the end is still to come
      throw error
    }
  }

  /** Replays the journal; `undefined` when the job was never durably created. A part written twice counts once. */
  async load(): Promise<JobRecord | undefined> {
    let spec: JobSpec | undefined
    let ended: JobRecord['ended']
    let adoption: Signed | undefined
    const parts = new Map<number, ResultPart>()
    const workers = new Set<string>()
    let source: string | undefined
    const rounds = new Map<number, RoundManifest>()
    let maxWorkers: number | undefined
    let sharedWith: readonly string[] | undefined
    for await (const { entry } of this.#log.read(1)) {
      const event = jobEntryCodec.decode(entry)
      if (event.type === 'created') spec = event.spec
      else if (event.type === 'part') parts.set(event.part.index, event.part)
      else if (event.type === 'worker') workers.add(event.peer)
      else if (event.type === 'source') source = event.identity
      else if (event.type === 'scaled') maxWorkers = event.workers
      else if (event.type === 'shared') sharedWith = event.accounts
      else if (event.type === 'round') rounds.set(event.manifest.round, event.manifest)
      else if (event.type === 'adopted') {
        parts.clear() // its input may lie elsewhere, too: it begins anew
        source = undefined
        rounds.clear()
        adoption = event.adoption
        spec &&= adoptedSpec(spec, event)
      } else ended = event
    }
    const inOrder = [...parts.values()].sort((a, b) => a.index - b.index)
    return (
      spec && {
        spec,
        parts: inOrder,
        workers: [...workers],
        ...(adoption && { adoption }),
        ...(source !== undefined && { source }),
        ...(rounds.size > 0 && { rounds: [...rounds.values()].sort((a, b) => a.round - b.round) }),
        ...(maxWorkers !== undefined && { maxWorkers }),
        ...(sharedWith && { sharedWith }),
        ...(ended && { ended }),
      }
    )
  }

  close(): Promise<void> {
    const free = this.#log.close()
    this.#onClosing?.(free)
    return free
  }
}

/** A job as its adopter does it: its result goes elsewhere, and its input may be read elsewhere. */
export function adoptedSpec(spec: JobSpec, { outputDir, input }: Extract<JobEntry, { type: 'adopted' }>): JobSpec {
  const { request } = spec
  return { ...spec, outputDir, request: request.program === 'infer' && input ? { ...request, input } : request }
}
