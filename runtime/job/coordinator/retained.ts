import type { Digest } from '../../base/index.ts'
import type { Receipt } from '../../protocol/index.ts'

type Lease = Pick<Receipt, 'worker' | 'lease'>

/**
 * Results that stay at their workers after they were accepted: other members of a training fetch what they need of them
 * there, until the program says that nobody does.
 */
export class Retained {
  readonly #settle: (lease: Lease) => void
  /** By shard, then by lease: a worker says what it owes again whenever it is asked. */
  readonly #results = new Map<Digest, Map<string, Lease>>()

  /** `settle`: the worker may let go what the lease gave, once what was committed so far is durable. */
  constructor(settle: (lease: Lease) => void) {
    this.#settle = settle
  }

  /** Results of the shard are to stay, whenever they come. */
  expect(shard: Digest): void {
    if (!this.#results.has(shard)) this.#results.set(shard, new Map())
  }

  has(shard: Digest): boolean {
    return this.#results.has(shard)
  }

  /** Whether a result is one of those that stay. */
  take({ shard, worker, lease }: Receipt): boolean {
    this.#results.get(shard)?.set(lease, { worker, lease })
    return this.#results.has(shard)
  }

  /** Nobody needs what the shard gave any more. */
  release(shard: Digest): void {
    const results = this.#results.get(shard)
    this.#results.delete(shard)
    for (const lease of results?.values() ?? []) this.#settle(lease)
  }

  /** The job is over. */
  releaseAll(): void {
    for (const shard of [...this.#results.keys()]) this.release(shard)
  }
}
