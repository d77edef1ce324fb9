import { z } from 'zod'
import { bytesSchema, type Codec, codec } from '../../base/index.ts'
import type { Log } from '../../log/index.ts'
import { accountIdSchema, countSchema, jobIdSchema, type Receipt, receiptSchema } from '../../protocol/index.ts'

const entrySchema = z.discriminatedUnion('type', [
  /** Leases were accepted: their epochs fence older coordinators, also after a restart. */
  z.object({ type: z.literal('leased'), job: jobIdSchema, epoch: countSchema, leases: z.array(z.string()) }),
  /** A shard was computed. Outputs that fit a message are kept here, others as blobs. */
  z.object({
    type: z.literal('receipt'),
    account: accountIdSchema,
    receipt: receiptSchema,
    inline: bytesSchema.optional(),
  }),
])

type WorkerEntry = z.infer<typeof entrySchema>

/** Kept form of what a worker journals. */
export const workerEntryCodec: Codec<WorkerEntry> = codec({ name: 'worker-entry', schema: entrySchema })

/** A result this worker has, and can give again without computing. */
export interface KnownResult {
  readonly receipt: Receipt
  readonly inline: Uint8Array | undefined
}

/** Results kept in memory for work that comes again. */
const KNOWN_RESULTS = 10_000

/**
 * The worker's durable word: leases it took and receipts it gave. Finished work is looked up by account, determinism
 * class and shard, so that no account learns what another has computed, and no class passes for another.
 */
export class WorkerJournal {
  readonly #log: Log
  readonly #known = new Map<string, KnownResult>()
  readonly #epochs = new Map<string, number>()

  private constructor(log: Log) {
    this.#log = log
  }

  /** Replays the log. */
  static async open(log: Log): Promise<WorkerJournal> {
    const journal = new WorkerJournal(log)
    for await (const { entry } of log.read(1)) journal.#learn(workerEntryCodec.decode(entry))
    return journal
  }

  /** For scrubbing. */
  get log(): Log {
    return this.#log
  }

  /** The newest epoch heard of each job. */
  epochs(): ReadonlyMap<string, number> {
    return this.#epochs
  }

  /** Resolves when durable. */
  async leased(job: string, epoch: number, leases: readonly string[]): Promise<void> {
    await this.#append({ type: 'leased', job, epoch, leases: [...leases] })
  }

  /** Resolves when durable: only then may the receipt be sent. Throws `log.disk-full`, `log.failed`. */
  async finished(account: string, receipt: Receipt, inline: Uint8Array | undefined): Promise<void> {
    await this.#append({ type: 'receipt', account, receipt, ...(inline && { inline }) })
  }

  /** A result for the same work of the same account in the same class. */
  known(account: string, determinismClass: string, shard: string): KnownResult | undefined {
    return this.#known.get(`${account}/${determinismClass}/${shard}`)
  }

  /** The outputs are gone: the result is not known any more. */
  forget(account: string, receipt: Receipt): void {
    this.#known.delete(`${account}/${receipt.determinismClass}/${receipt.shard}`)
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  async #append(entry: WorkerEntry): Promise<void> {
    try {
      await this.#log.append([workerEntryCodec.encode(entry)])
    } catch (error) {
      this.#log.resume() // entries do not build on each other: with room again, the next one may be written
      throw error
    }
    this.#learn(entry)
  }

  #learn(entry: WorkerEntry): void {
    if (entry.type === 'leased') {
      this.#epochs.set(entry.job, Math.max(entry.epoch, this.#epochs.get(entry.job) ?? 0))
      trim(this.#epochs)
      return
    }
    const { account, receipt, inline } = entry
    this.#known.set(`${account}/${receipt.determinismClass}/${receipt.shard}`, { receipt, inline })
    trim(this.#known)
  }
}

function trim(map: Map<string, unknown>): void {
  if (map.size > KNOWN_RESULTS) map.delete(map.keys().next().value as string)
}
