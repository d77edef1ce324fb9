import type { Digest } from '../../base/index.ts'
import type { JobSpec, ResultPart } from '../../protocol/index.ts'
import type { PartOrder } from '../programs/index.ts'
import { Assembly, batchesPerPart } from './assembly.ts'
import { Commits, type CommitsInit } from './commits.ts'

/** Results that may wait for the disk, and as many that may wait for the others of their part. */
const WINDOW = 256
/** Bytes of outputs that may wait for either. */
const WINDOW_BYTES = 256 << 20

/** What {@link OutputParts} needs. */
export interface OutputPartsInit extends Omit<CommitsInit, 'committed'> {
  readonly request: JobSpec['request']
  /** What an earlier run committed. */
  readonly before: readonly ResultPart[]
  /** The part is durable, and the journal says so. */
  readonly committed: (part: ResultPart) => void
}

/** From accepted results to durable parts: put together where they are small, and written in groups. */
export class OutputParts {
  /** In the order in which they became durable. */
  readonly committed: ResultPart[]
  readonly #before: ReadonlySet<number>
  readonly #labels = new Map<number, readonly string[]>()
  readonly #assembly: Assembly
  /** Accepted results that wait for the disk, which may be slower than the workers. */
  readonly #commits: Commits

  constructor({ request, before, committed, ...init }: OutputPartsInit) {
    this.committed = [...before]
    this.#before = new Set(before.map(({ index }) => index))
    this.#commits = new Commits({
      ...init,
      committed: (parts) => {
        for (const part of parts) {
          this.committed.push(part)
          committed(part)
        }
      },
    })
    this.#assembly = new Assembly({
      batchesPerPart: batchesPerPart(request),
      commit: (part) => this.#commits.add(part),
      after: (fn) => this.#commits.after(fn),
    })
  }

  /** Whether an earlier run committed the part that a batch belongs to. */
  isCommitted(batch: number): boolean {
    return this.#before.has(this.#assembly.partOf(batch))
  }

  /** What the rows of a batch are called. */
  label(batch: number, labels: readonly string[]): void {
    this.#labels.set(batch, labels)
  }

  /** An accepted result of one batch; `others`: what the shards gave that the order names beside it. */
  add(order: PartOrder, outputs: Uint8Array, others: readonly Uint8Array[] = []): void {
    this.#assembly.add({ order, outputs, others, labels: this.#labels.get(order.index) })
    this.#labels.delete(order.index)
  }

  /** The source had this many batches. */
  end(batches: number): void {
    this.#assembly.end(batches)
  }

  /** Calls `fn` once what was added of a shard, and all that was written before, is durable or has failed to be. */
  afterShard(shard: Digest, fn: () => unknown): void {
    this.#assembly.after(shard, fn)
  }

  /** Calls `fn` once all parts that are whole are durable, or have failed to be. */
  afterAll(fn: () => unknown): void {
    this.#commits.after(fn)
  }

  /** Results that are not durable yet. */
  get waiting(): number {
    return this.#assembly.waiting + this.#commits.waiting
  }

  /** Whether the disk is at work. A part that is not whole is none of its: it may lack just what is not read yet. */
  get isWriting(): boolean {
    return this.#commits.waiting > 0
  }

  /** Whether what waits leaves no room for more results. */
  get isFull(): boolean {
    const { waiting, waitingBytes, batchesPerPart } = this.#assembly
    if (this.#commits.waiting >= WINDOW || waiting >= WINDOW + batchesPerPart) return true
    return this.#commits.waitingBytes + waitingBytes >= WINDOW_BYTES
  }

  /** The job is over: nothing more is written; what is under way ends. */
  stop(): void {
    this.#commits.stop()
    this.#assembly.clear()
    this.#labels.clear()
  }

  /** Resolves when all that was under way has been dealt with. */
  async settled(): Promise<void> {
    await this.#commits.settled()
  }
}
