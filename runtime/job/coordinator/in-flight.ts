import type { Digest } from '../../base/index.ts'
import type { ShardSpec } from '../../protocol/index.ts'

/** Shards that a program has emitted and that are not over, and what their inputs take. */
export class InFlight {
  readonly shards = new Map<Digest, ShardSpec>()
  #inputBytes = 0

  /** Of batch inference: bytes that are held here until their shards are over. */
  get inputBytes(): number {
    return this.#inputBytes
  }

  add(id: Digest, spec: ShardSpec): void {
    if (!this.shards.has(id) && spec.kind === 'infer') this.#inputBytes += spec.inputs.sizeBytes // else it was counted
    this.shards.set(id, spec)
  }

  /** The shard that is over; `undefined` where it was before. */
  remove(id: Digest): ShardSpec | undefined {
    const spec = this.shards.get(id)
    this.shards.delete(id)
    if (spec?.kind === 'infer') this.#inputBytes -= spec.inputs.sizeBytes
    return spec
  }
}
