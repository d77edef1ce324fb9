import { type AividaError, type Clock, type Digest, toAividaError } from '../../base/index.ts'
import { type RoundManifest, type ShardSpec, shardId } from '../../protocol/index.ts'
import type { JobJournal, JobRecord } from '../journal/index.ts'
import type { PlacedShard } from '../programs/index.ts'
import { shardsOf } from './assembly.ts'
import type { VerifiedResult } from './results.ts'
import { Retained } from './retained.ts'
import { assertRoundReceipt } from './update-receipts.ts'
import { WakeUp } from './wake-up.ts'

/** What {@link RunRounds} needs. */
export interface RunRoundsInit {
  readonly journal: Pick<JobJournal, 'append'>
  /** What an earlier run came to. */
  readonly before: Pick<JobRecord, 'parts' | 'rounds'>
  /** Calls `fn` once what was committed so far is durable. */
  readonly afterAll: (fn: () => unknown) => void
  /** The worker may let go what a lease gave. */
  readonly settle: (peer: string, lease: string) => void
  readonly clock: Clock
  /** The time has come that was asked for. */
  readonly wake: () => void
  readonly failed: (error: unknown) => void
}

/**
 * What a training by rounds asks of its run beside shards and parts: shards that one member alone computes, results that
 * stay at their members, rounds in the journal. Other jobs have none of it.
 */
export class RunRounds {
  /** The newest round that was opened. */
  newest: RoundManifest | undefined
  readonly wakeUp: WakeUp
  readonly #init: RunRoundsInit
  /** Who computes a shard that is placed. */
  readonly #placed = new Map<Digest, string>()
  readonly #retained: Retained

  constructor(init: RunRoundsInit) {
    this.#init = init
    this.wakeUp = new WakeUp(init.clock, init.wake)
    this.#retained = new Retained(({ worker, lease }) => init.afterAll(() => init.settle(worker, lease)))
    const { parts, rounds = [] } = init.before
    this.newest = rounds.at(-1)
    if (this.newest) for (const shard of parts.flatMap(closedShards)) this.#retained.expect(shard)
  }

  /** Notes who computes new shards; gives their ids by peer. */
  place(placed: readonly PlacedShard[]): Map<string, [Digest, ShardSpec][]> {
    const byPeer = new Map<string, [Digest, ShardSpec][]>()
    for (const { shard, peer } of placed) {
      const id = shardId(shard)
      this.#placed.set(id, peer)
      this.#retained.expect(id)
      byPeer.set(peer, [...(byPeer.get(peer) ?? []), [id, shard]])
    }
    return byPeer
  }

  /** Rounds are journalled after the parts before them: a replay finds at most one that is open. */
  open(manifests: readonly RoundManifest[]): void {
    const { afterAll, journal, failed } = this.#init
    for (const manifest of manifests) {
      this.newest = manifest
      afterAll(() => journal.append({ type: 'round', manifest }).catch(failed))
    }
  }

  /** Whether what a shard gave stays at its worker for now. */
  retains(shard: Digest): boolean {
    return this.#retained.has(shard)
  }

  /** Whether a result is one of those that stay. */
  retain({ receipt }: VerifiedResult): boolean {
    return this.#retained.take(receipt)
  }

  /** Nobody needs what the shard gave any more. */
  release(shard: Digest): void {
    this.#placed.delete(shard)
    this.#retained.release(shard)
  }

  releaseAll(): void {
    this.#retained.releaseAll()
  }

  /** Why a result cannot be what its shard asks for, if it cannot: `receipt.*`. */
  faultIn(spec: ShardSpec | undefined, { receipt }: VerifiedResult): AividaError | undefined {
    try {
      if (spec) assertRoundReceipt(spec, receipt)
      return undefined
    } catch (error) {
      return toAividaError(error)
    }
  }

  /** Whether another worker than this was to compute the shard. */
  isElsewhere({ receipt: { shard, worker } }: VerifiedResult): boolean {
    const peer = this.#placed.get(shard)
    return peer !== undefined && peer !== worker
  }
}

/** Shards of which nothing is to be computed any more, by the journal. The program emits those of the open round again. */
export function overShards({ parts, rounds = [] }: Pick<JobRecord, 'parts' | 'rounds'>): Digest[] {
  return [...parts.flatMap(closedShards), ...rounds.flatMap(({ members }) => members.map(({ shard }) => shard))]
}

function closedShards(part: JobRecord['parts'][number]): Digest[] {
  const { counted = [], aggregates = [] } = part.round ?? {}
  return [
    ...new Set([...shardsOf(part), ...counted.map(({ shard }) => shard), ...aggregates.map(({ shard }) => shard)]),
  ]
}
