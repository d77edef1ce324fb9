import type { Digest } from '../../base/index.ts'
import type { VerifiedResult } from './results.ts'

/** What a run asks of the scheduler it shares with other jobs. */
export interface RunScheduling {
  /** `only`: the one peer that may compute them. Default: whoever has room. */
  add(job: string, shards: readonly Digest[], only?: string): void
  cancel(job: string, shards: readonly Digest[]): void
  /** A result was at hand before its shard was emitted. */
  foundResult(job: string, result: VerifiedResult): void
  /** The lease's result is durable here, or of no use: the worker may drop it. */
  settle(peer: string, lease: string): void
  /** From now on it may employ so many workers. */
  scale(job: string, maxWorkers: number): void
  /** The job has ended, one way or another; whatever it leases is called off. */
  ended(job: string): void
  /** What is shown of it changed. */
  changed(job: string): void
  /** Its end is durable: clients may hear of it. */
  publish(job: string): void
}
