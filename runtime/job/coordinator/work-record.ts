import { type Digest, limit } from '../../base/index.ts'
import type { ComputedBy, Receipt, ResultPart } from '../../protocol/index.ts'
import { shardsOf } from './assembly.ts'

/** What is kept of a receipt. */
export type AcceptedReceipt = Pick<Receipt, 'shard' | 'worker' | 'determinismClass' | 'computeMs' | 'commitments'>

/**
 * Who computed what, from acceptance until it is journalled with its part: whoever replays the job has to know in which
 * class, and compares what was committed to on the way.
 */
export class WorkRecord {
  readonly #computed = new Map<Digest, AcceptedReceipt>()

  /** A result was accepted. */
  accepted({ shard, worker, determinismClass, computeMs, commitments }: AcceptedReceipt): void {
    this.#computed.set(shard, { shard, worker, determinismClass, computeMs, ...(commitments && { commitments }) })
    // Results that no part wants stay behind.
    if (this.#computed.size > 2 * limit('shardsInFlight')) this.#computed.delete(this.#computed.keys().next().value!)
  }

  /** The part with who computed its shards. Neighbours of one worker and class are told together. */
  signed(part: ResultPart, atWallMs: number): ResultPart {
    const computedBy: ComputedBy[] = []
    for (const shard of shardsOf(part)) {
      const found = this.#computed.get(shard)
      if (!found) return part // it would be told wrongly of those that follow
      const { worker: peer, determinismClass, computeMs, commitments } = found
      if (commitments) this.#computed.delete(shard) // one of training is in one part, and these may be many
      const last = computedBy.at(-1)
      const isSame = last?.peer === peer && last.determinismClass === determinismClass
      if (last && isSame && !commitments && !last.commitments)
        computedBy[computedBy.length - 1] = {
          ...last,
          shards: last.shards + 1,
          computeMs: last.computeMs + computeMs,
        }
      else computedBy.push({ peer, determinismClass, shards: 1, computeMs, ...(commitments && { commitments }) })
    }
    return { ...part, computedBy, atWallMs: Math.floor(atWallMs) }
  }
}
