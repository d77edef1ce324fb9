import { type Digest, limit } from '../../base/index.ts'
import type { JobSpec, ResultPart } from '../../protocol/index.ts'
import { type OrderedPart, type Piece, pieceBytes } from './commits.ts'

/** What {@link Assembly} needs. */
export interface AssemblyInit {
  /** Batches of one part. */
  readonly batchesPerPart: number
  /** Takes a part that is complete. */
  readonly commit: (part: OrderedPart) => void
  /** Calls `fn` once all that was committed before is durable. */
  readonly after: (fn: () => unknown) => void
}

/**
 * Puts the results of neighbouring batches together, so that small shards share a file and its syncs. Which batches
 * make a part depends on their numbers alone: the same job gives the same files, whoever computed what when.
 */
export class Assembly {
  readonly batchesPerPart: number
  readonly #init: AssemblyInit
  readonly #pieces = new Map<number, Piece[]>()
  /** Of shards that are in parts which are not complete: how many pieces are, and what waits for them. */
  readonly #shards = new Map<Digest, { pieces: number; readonly waiters: (() => unknown)[] }>()
  #batches = Number.POSITIVE_INFINITY
  /** Pieces of parts that are not complete. */
  waiting = 0
  waitingBytes = 0

  constructor(init: AssemblyInit) {
    this.#init = init
    this.batchesPerPart = init.batchesPerPart
  }

  /** The part that a batch belongs to. */
  partOf(batch: number): number {
    return Math.floor(batch / this.batchesPerPart)
  }

  /** An accepted result of one batch. */
  add(piece: Piece): void {
    const { order } = piece
    const part = this.partOf(order.index)
    const pieces = this.#pieces.get(part) ?? []
    this.#pieces.set(part, pieces)
    pieces.push(piece)
    this.waiting++
    this.waitingBytes += pieceBytes(piece)
    const shard = this.#shards.get(order.shard) ?? { pieces: 0, waiters: [] }
    this.#shards.set(order.shard, shard)
    shard.pieces++
    this.#complete(part)
  }

  /** The source had this many batches: the last part may be complete with fewer than the others. */
  end(batches: number): void {
    this.#batches = batches
    if (batches > 0) this.#complete(this.partOf(batches - 1))
  }

  /** Calls `fn` once what is here of a shard is durable. */
  after(shard: Digest, fn: () => unknown): void {
    const waiting = this.#shards.get(shard)
    if (waiting) waiting.waiters.push(fn)
    else this.#init.after(fn)
  }

  /** The job is over: what was not complete is of no use, and whoever waits for it is told so. */
  clear(): void {
    for (const { waiters } of this.#shards.values()) for (const fn of waiters) this.#init.after(fn)
    this.#pieces.clear()
    this.#shards.clear()
    this.waiting = 0
    this.waitingBytes = 0
  }

  #complete(part: number): void {
    const pieces = this.#pieces.get(part)
    const first = part * this.batchesPerPart
    if (!pieces || pieces.length < Math.min(this.batchesPerPart, this.#batches - first)) return
    this.#pieces.delete(part)
    pieces.sort((a, b) => a.order.index - b.order.index)
    this.#init.commit({ index: part, pieces })
    for (const piece of pieces) {
      const { order } = piece
      this.waiting--
      this.waitingBytes -= pieceBytes(piece)
      const shard = this.#shards.get(order.shard)
      if (!shard || --shard.pieces > 0) continue
      this.#shards.delete(order.shard)
      for (const fn of shard.waiters) this.#init.after(fn)
    }
  }
}

/** How many shards of a job share a file. */
export function batchesPerPart(request: JobSpec['request']): number {
  if (request.program === 'train' || request.program === 'sweep') return 1
  const { rowsPerShard, rowsPerPart = rowsPerShard } = request
  return Math.max(1, Math.min(limit('shardsPerPart'), Math.floor(rowsPerPart / rowsPerShard)))
}

/** The shards whose results a part holds, in order. */
export function shardsOf({ shard, furtherShards = [] }: ResultPart): Digest[] {
  return [shard, ...furtherShards]
}
