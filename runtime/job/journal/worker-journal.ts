import { z } from 'zod'
import { bytesSchema, type Codec, codec } from '../../base/index.ts'
import type { Log } from '../../log/index.ts'
import {
  accountIdSchema,
  type BlobRef,
  countSchema,
  jobIdSchema,
  peerIdSchema,
  type Receipt,
  receiptSchema,
} from '../../protocol/index.ts'

const entrySchema = z.discriminatedUnion('type', [
  /** Leases were accepted, or a newer coordinator was heard: its epoch fences older ones, also after a restart. */
  z.object({
    type: z.literal('leased'),
    job: jobIdSchema,
    epoch: countSchema,
    leases: z.array(z.string()),
    /** The coordinator. Absent in entries of version 1. */
    from: peerIdSchema.optional(),
  }),
  /** A shard's result is here. Outputs that fit a message are kept in its first entry, others as blobs. */
  z.object({
    type: z.literal('receipt'),
    account: accountIdSchema,
    receipt: receiptSchema,
    inline: bytesSchema.optional(),
    /** Whose lease it was, and to whom the result is owed until it is settled. Absent in entries of version 1. */
    to: peerIdSchema.optional(),
    /** When it began to be computed; absent when the result was known from earlier work. */
    startedWallMs: z.number().optional(),
  }),
  /** Submitters have what they need of these leases. */
  z.object({ type: z.literal('settled'), leases: z.array(z.string()) }),
])

type WorkerEntry = z.infer<typeof entrySchema>

/** Kept form of what a worker journals. */
export const workerEntryCodec: Codec<WorkerEntry> = codec({
  name: 'worker-entry',
  version: 2,
  schema: entrySchema,
  upgrades: { 1: (entry) => entry }, // version 2 added `settled`
})

/** A result this worker has, and can give again without computing. */
export interface KnownResult {
  readonly receipt: Receipt
  readonly inline: Uint8Array | undefined
}

/** A result that its submitter has not settled. */
export interface OwedResult extends KnownResult {
  readonly to: string
  readonly account: string
}

/** A result as it is journalled. */
export interface FinishedWork extends OwedResult {
  /** When it began to be computed; `undefined` when it was known from earlier work. Wall ms. */
  readonly startedWallMs: number | undefined
}

/** Results kept in memory for work that comes again, results owed, and jobs whose newest epoch is remembered. */
const KNOWN_RESULTS = 10_000

/**
 * The worker's durable word: leases it took and receipts it gave. A receipt is owed to its submitter until that settles
 * it, over restarts of either. Finished work is looked up by account, determinism class and shard, so that no account
 * learns what another has computed, and no class passes for another.
 */
export class WorkerJournal {
  readonly #log: Log
  readonly #known = new Map<string, KnownResult>()
  readonly #owed = new Map<string, OwedResult>()
  readonly #jobs = new Map<string, { readonly epoch: number; readonly from: string | undefined }>()

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

  /** The newest epoch heard of each job, and whose it is. */
  jobs(): ReadonlyMap<string, { readonly epoch: number; readonly from: string | undefined }> {
    return this.#jobs
  }

  /** Resolves when durable. `leases` may be none: then a newer coordinator was heard. */
  async leased(job: string, epoch: number, from: string, leases: readonly string[]): Promise<void> {
    await this.#append({ type: 'leased', job, epoch, from, leases: [...leases] })
  }

  /** Resolves when durable: only then may the receipt be sent. Throws `log.disk-full`, `log.failed`. */
  async finished({ to, account, receipt, inline, startedWallMs }: FinishedWork): Promise<void> {
    await this.#append({
      type: 'receipt',
      account,
      receipt,
      to,
      ...(inline && startedWallMs !== undefined && { inline }), // known work: an earlier entry has the bytes
      ...(startedWallMs !== undefined && { startedWallMs }),
    })
  }

  /** Results that are owed to a submitter: of one job, or of all. */
  owed(filter: { readonly to?: string; readonly job?: string } = {}): OwedResult[] {
    const { to, job } = filter
    return [...this.#owed.values()].filter(
      (owed) => (to === undefined || owed.to === to) && (job === undefined || owed.receipt.job === job),
    )
  }

  /** Another node has taken the job over: what is owed of it is owed to that one. */
  owe(job: string, to: string): void {
    for (const [lease, owed] of this.#owed) if (owed.receipt.job === job) this.#owed.set(lease, { ...owed, to })
  }

  /** A submitter has what it needs of these leases. Returns outputs that are owed to nobody any more. */
  settle(from: string, leases: readonly string[]): BlobRef[] {
    const mine = leases.filter((lease) => this.#owed.get(lease)?.to === from)
    if (mine.length === 0) return []
    this.#append({ type: 'settled', leases: mine }).catch(() => {}) // not durable: it is owed, and settled, once more
    return mine.flatMap((lease) => this.#settle(lease) ?? [])
  }

  /** A result for the same work of the same account in the same class. */
  known(account: string, determinismClass: string, shard: string): KnownResult | undefined {
    return this.#known.get(`${account}/${determinismClass}/${shard}`)
  }

  /** The outputs are gone: the result is not known any more. */
  forget({ account, receipt }: Pick<OwedResult, 'account' | 'receipt'>): void {
    this.#known.delete(keyOf(account, receipt))
    this.#owed.delete(receipt.lease)
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
    switch (entry.type) {
      case 'leased':
        if (entry.epoch < (this.#jobs.get(entry.job)?.epoch ?? 0)) return
        this.#jobs.delete(entry.job) // re-inserted last: the map drops what it has not heard of longest
        this.#jobs.set(entry.job, { epoch: entry.epoch, from: entry.from })
        trim(this.#jobs)
        return
      case 'receipt':
        this.#learnReceipt(entry)
        return
      case 'settled':
        for (const lease of entry.leases) this.#settle(lease)
    }
  }

  #learnReceipt({ account, receipt, to, ...entry }: Extract<WorkerEntry, { type: 'receipt' }>): void {
    const key = keyOf(account, receipt)
    const inline = entry.inline ?? this.#known.get(key)?.inline
    this.#known.set(key, { receipt, inline })
    trim(this.#known)
    if (to === undefined) return
    this.#owed.set(receipt.lease, { to, account, receipt, inline })
    trim(this.#owed)
  }

  /** Gives back the outputs of a lease when they are kept as a blob and nobody else is owed them. */
  #settle(lease: string): BlobRef | undefined {
    const owed = this.#owed.get(lease)
    this.#owed.delete(lease)
    if (!owed || owed.inline) return undefined
    const { outputs } = owed.receipt
    for (const other of this.#owed.values()) if (other.receipt.outputs.blob === outputs.blob) return undefined
    this.#known.delete(keyOf(owed.account, owed.receipt))
    return outputs
  }
}

function keyOf(account: string, { determinismClass, shard }: Receipt): string {
  return `${account}/${determinismClass}/${shard}`
}

function trim(map: Map<string, unknown>): void {
  if (map.size > KNOWN_RESULTS) map.delete(map.keys().next().value as string)
}
