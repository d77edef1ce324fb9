import { z } from 'zod'
import { bytesSchema, type Codec, codec, invariant, trimFairly } from '../../base/index.ts'
import type { Log } from '../../log/index.ts'
import {
  type Adoption,
  accountIdSchema,
  type BlobRef,
  countSchema,
  jobIdSchema,
  peerIdSchema,
  type Receipt,
  receiptSchema,
  type Signed,
  signedSchema,
} from '../../protocol/index.ts'
import { appendsOf } from './appends.ts'
import { sectionsOf, snapshotOf } from './entry-snapshot.ts'
import { KnownWork } from './known-work.ts'

const entrySchema = z.discriminatedUnion('type', [
  /** Leases were accepted, or a newer coordinator was heard: its epoch fences older ones, also after a restart. */
  z.object({
    type: z.literal('leased'),
    job: jobIdSchema,
    epoch: countSchema,
    leases: z.array(z.string()),
    /** The coordinator. Absent in entries of version 1. */
    from: peerIdSchema.optional(),
    /** Whose job it is. */
    account: accountIdSchema.optional(),
    /** By which the coordinator took another's place. */
    adoption: signedSchema.optional(),
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

/** What is known of a job's coordination. */
export interface KnownJob {
  readonly epoch: number
  /** The coordinator. */
  readonly from: string | undefined
  readonly account: string | undefined
  /** By which it took another's place. */
  readonly adoption: Signed | undefined
}

/** A result that its submitter has not settled. */
export interface OwedResult extends KnownResult {
  readonly to: string
  readonly account: string
}

/** Leases of one job that were accepted. */
export interface TakenLeases {
  readonly job: string
  readonly epoch: number
  /** The coordinator. */
  readonly from: string
  readonly account: string
  readonly leases: readonly string[]
}

/** A result as it is journalled. */
export interface FinishedWork extends OwedResult {
  /** When it began to be computed; `undefined` when it was known from earlier work. Wall ms. */
  readonly startedWallMs: number | undefined
}

/** Results owed, and jobs whose newest epoch is remembered, of all submitters together. */
const REMEMBERED = 10_000
/** A snapshot is taken once this much was written since the last one, or as much as that one held. Bytes. */
const SNAPSHOT_BYTES = 4 << 20

/**
 * The worker's durable word: leases it took and receipts it gave. A receipt is owed to its submitter until that settles
 * it, over restarts of either. Finished work is looked up by account, determinism class and shard, so that no account
 * learns what another has computed, and no class passes for another.
 *
 * What is remembered is bounded, and so is the journal: a snapshot of it lets older entries go.
 */
export class WorkerJournal {
  readonly #log: Log
  readonly #snapshotAfterBytes: number
  readonly #known = new KnownWork()
  readonly #owed = new Map<string, OwedResult>()
  readonly #jobs = new Map<string, KnownJob>()

  /** Sequence number up to which entries are remembered. */
  #learntTo = 0
  /** Bytes written since the last snapshot, and bytes that it held. */
  #grownBytes = 0
  #snapshotBytes = 0
  #compacting: Promise<void> | undefined

  private constructor(log: Log, snapshotAfterBytes: number) {
    this.#log = log
    this.#snapshotAfterBytes = snapshotAfterBytes
  }

  /** Replays the log from its last snapshot. `snapshotAfterBytes`: see {@link SNAPSHOT_BYTES}, its default. */
  static async open(log: Log, { snapshotAfterBytes = SNAPSHOT_BYTES } = {}): Promise<WorkerJournal> {
    const journal = new WorkerJournal(log, snapshotAfterBytes)
    const snapshot = await log.lastSnapshot()
    if (snapshot) {
      const [jobs = [], known = [], owed = []] = sectionsOf(snapshot.bytes)
      for (const entry of [...jobs, ...owed]) journal.#learn(snapshot.seq, entry)
      for (const entry of known) journal.#know(entry)
      journal.#snapshotBytes = snapshot.bytes.byteLength
      journal.#grownBytes = 0
    }
    for await (const { seq, entry } of log.read((snapshot?.seq ?? 0) + 1)) journal.#learn(seq, entry.slice())
    return journal
  }

  /** For scrubbing. */
  get log(): Log {
    return this.#log
  }

  /** The newest epoch heard of each job, and whose it is. */
  jobs(): ReadonlyMap<string, KnownJob> {
    return this.#jobs
  }

  /** Resolves when durable. `leases` may be none: then a newer coordinator was heard. */
  async leased(job: string, epoch: number, from: string, leases: readonly string[], account?: string): Promise<void> {
    await this.#append({
      type: 'leased',
      job,
      epoch,
      from,
      leases: [...leases],
      ...(account !== undefined && { account }),
    })
  }

  /** Leases were accepted: whose the job is counts at once, and is durable with {@link leased} or {@link finished}. */
  taken({ job, epoch, from, account }: TakenLeases): void {
    this.#learnJob({ job, epoch, from, account })
  }

  /** A job has another coordinator; known at once, resolves when durable. */
  async adopted({ job, epoch, node: from, account }: Adoption, adoption: Signed): Promise<void> {
    this.#learnJob({ job, epoch, from, account, adoption })
    await this.#append({ type: 'leased', job, epoch, from, account, adoption, leases: [] })
  }

  /** Resolves when durable, with leases that were not journalled yet: only then may the receipts be sent. Throws `log.disk-full`, `log.failed`. */
  async finished(works: readonly FinishedWork[], taken: readonly TakenLeases[] = []): Promise<void> {
    await this.#append(
      ...taken.map((leases): WorkerEntry => ({ type: 'leased', ...leases, leases: [...leases.leases] })),
      ...works.map(
        ({ to, account, receipt, inline, startedWallMs }): WorkerEntry => ({
          type: 'receipt',
          account,
          receipt,
          to,
          ...(inline && startedWallMs !== undefined && { inline }), // known work: an earlier entry has the bytes
          ...(startedWallMs !== undefined && { startedWallMs }),
        }),
      ),
    )
  }

  /** Results that are owed to a submitter: of one job, or of all. */
  owed(filter: { readonly to?: string; readonly job?: string } = {}): OwedResult[] {
    const { to, job } = filter
    return [...this.#owed.values()].filter(
      (owed) => (to === undefined || owed.to === to) && (job === undefined || owed.receipt.job === job),
    )
  }

  /** Whether a blob is part of a result that is owed (to one submitter, when that is given). */
  owes(blob: string, to?: string): boolean {
    for (const owed of this.#owed.values())
      if ((to === undefined || owed.to === to) && blobsOf(owed).some((ref) => ref.blob === blob)) return true
    return false
  }

  /** Whether a blob is what another member of a job may have of a result that is owed to its coordinator `to`. */
  shares(blob: string, job: string, to: string): boolean {
    for (const owed of this.#owed.values())
      if (owed.to === to && owed.receipt.job === job && sharedBlobsOf(owed.receipt).some((ref) => ref.blob === blob))
        return true
    return false
  }

  /** Another node has taken the job over: what is owed of it is owed to that one. */
  owe(job: string, to: string): void {
    for (const [lease, owed] of this.#owed) if (owed.receipt.job === job) this.#owed.set(lease, { ...owed, to })
  }

  /** A submitter has what it needs of these leases. Returns blobs that are owed to nobody any more. */
  settle(from: string, leases: readonly string[]): BlobRef[] {
    const mine = leases.filter((lease) => this.#owed.get(lease)?.to === from)
    if (mine.length === 0) return []
    this.#append({ type: 'settled', leases: mine }).catch(() => {}) // not durable: it is owed, and settled, once more
    return mine.flatMap((lease) => this.#settle(lease))
  }

  /** A result for the same work of the same account in the same class. */
  known(account: string, determinismClass: string, shard: string): KnownResult | undefined {
    const bytes = this.#known.get(`${account}/${determinismClass}/${shard}`)
    if (!bytes) return undefined
    const entry = workerEntryCodec.decode(bytes)
    invariant(entry.type === 'receipt', 'what is known is kept as receipts')
    return { receipt: entry.receipt, inline: entry.inline }
  }

  /** The outputs are gone: the result is not known any more. */
  forget({ account, receipt }: Pick<OwedResult, 'account' | 'receipt'>): void {
    this.#known.delete(keyOf(account, receipt))
    this.#owed.delete(receipt.lease)
  }

  async close(): Promise<void> {
    await this.#compacting
    await this.#log.close()
  }

  async #append(...entries: readonly WorkerEntry[]): Promise<void> {
    const bytes = entries.map((entry) => workerEntryCodec.encode(entry))
    try {
      let learnt = 0
      for (const some of appendsOf(bytes)) {
        const { firstSeq } = await this.#log.append(some)
        for (const [i, each] of some.entries()) this.#learn(firstSeq + i, each, entries[learnt++])
      }
    } catch (error) {
      this.#log.resume() // entries do not build on each other: with room again, the next one may be written
      throw error
    }
    if (this.#grownBytes > Math.max(this.#snapshotAfterBytes, this.#snapshotBytes))
      this.#compacting ??= this.#compact().finally(() => {
        this.#compacting = undefined
      })
  }

  /** Snapshots what is remembered, and lets the entries that led there go. */
  async #compact(): Promise<void> {
    const seq = this.#learntTo
    const jobs = [...this.#jobs].map(([job, known]) =>
      workerEntryCodec.encode({ type: 'leased', job, leases: [], ...known }),
    )
    const owed = [...this.#owed.values()].map(({ to, account, receipt, inline }) =>
      workerEntryCodec.encode({ type: 'receipt', account, receipt, to, ...(inline && { inline }) }),
    )
    const bytes = snapshotOf([jobs, [...this.#known.values()], owed])
    this.#grownBytes = 0
    this.#snapshotBytes = bytes.byteLength
    try {
      await this.#log.snapshot(seq, bytes)
      await this.#log.dropBefore(seq)
    } catch {
      // The journal is whole without it, and tries again when it has grown as much once more.
    }
  }

  #learnJob({
    job,
    epoch,
    from,
    account,
    adoption,
  }: Pick<Extract<WorkerEntry, { type: 'leased' }>, 'job' | 'epoch' | 'from' | 'account' | 'adoption'>): void {
    const known = this.#jobs.get(job)
    if (epoch < (known?.epoch ?? 0)) return
    this.#jobs.delete(job) // re-inserted last: what was not heard of longest goes first
    this.#jobs.set(job, {
      epoch,
      from,
      account: account ?? known?.account,
      adoption: adoption ?? (known?.from === from ? known?.adoption : undefined),
    })
    trimFairly(this.#jobs, REMEMBERED, (each) => each.from ?? '')
  }

  /** A result that is known, whoever it was owed to once. */
  #know(bytes: Uint8Array): void {
    const entry = workerEntryCodec.decode(bytes)
    if (entry.type === 'receipt') this.#known.set(keyOf(entry.account, entry.receipt), bytes)
  }

  #learn(seq: number, bytes: Uint8Array, entry = workerEntryCodec.decode(bytes)): void {
    this.#learntTo = Math.max(seq, this.#learntTo) // appends resolve in order
    this.#grownBytes += bytes.byteLength
    switch (entry.type) {
      case 'leased':
        this.#learnJob(entry)
        return
      case 'receipt':
        this.#learnReceipt(entry, bytes)
        return
      case 'settled':
        for (const lease of entry.leases) this.#settle(lease)
    }
  }

  #learnReceipt(entry: Extract<WorkerEntry, { type: 'receipt' }>, bytes: Uint8Array): void {
    const { account, receipt, to } = entry
    const known = entry.inline ? undefined : this.known(account, receipt.determinismClass, receipt.shard)
    const inline = entry.inline ?? known?.inline
    const whole = known?.inline ? workerEntryCodec.encode({ type: 'receipt', account, receipt, inline }) : bytes
    this.#known.set(keyOf(account, receipt), whole)
    if (to === undefined) return
    this.#owed.set(receipt.lease, { to, account, receipt, inline })
    trimFairly(this.#owed, REMEMBERED, (each) => each.to)
  }

  /** Gives back what a lease's result is kept as, as far as nobody else is owed it: without it the result is not known. */
  #settle(lease: string): BlobRef[] {
    const owed = this.#owed.get(lease)
    this.#owed.delete(lease)
    if (!owed) return []
    const refs = blobsOf(owed).filter(({ blob }) => !this.owes(blob))
    if (refs.length > 0) this.#known.delete(keyOf(owed.account, owed.receipt))
    return refs
  }
}

/** What a result is kept as beside its receipt: outputs too large to go with it, the state of a training, the updates of a round. */
export function blobsOf({ receipt, inline }: KnownResult): BlobRef[] {
  return [...(inline ? [] : [receipt.outputs]), ...sharedBlobsOf(receipt)]
}

/** What other members of a job may have of a result: the updates of a round, and states to begin from. */
function sharedBlobsOf({ state, updates = [] }: Receipt): BlobRef[] {
  return [...(state ? [state] : []), ...updates]
}

function keyOf(account: string, { determinismClass, shard }: Receipt): string {
  return `${account}/${determinismClass}/${shard}`
}
