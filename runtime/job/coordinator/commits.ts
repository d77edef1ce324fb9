import type { ResultPart } from '../../protocol/index.ts'
import type { JobJournal } from '../journal/index.ts'
import type { PartOrder } from '../programs/index.ts'

/** Parts made durable together: more of them wait for the next group. */
const GROUP = 256

/** The result of one batch. */
export interface Piece {
  readonly order: PartOrder
  /** The shard's encoded outputs. */
  readonly outputs: Uint8Array
  /** Encoded outputs of the shards that the order names beside it. */
  readonly others: readonly Uint8Array[]
  /** What the rows are called, where they have names. */
  readonly labels: readonly string[] | undefined
}

/** A part that is to be written. */
export interface OrderedPart {
  /** Its place among the parts: 0 first. */
  readonly index: number
  /** Of consecutive batches; at least one. */
  readonly pieces: readonly Piece[]
}

/** What {@link Commits} needs. */
export interface CommitsInit {
  readonly journal: Pick<JobJournal, 'append'>
  /** Writes files durably. See `CoordinatorPorts.writeParts`. */
  readonly write: (parts: readonly OrderedPart[]) => Promise<readonly ResultPart[]>
  /** These are durable, and the journal says so. */
  readonly committed: (parts: readonly ResultPart[]) => void
  /** Called once; nothing is committed any more. */
  readonly failed: (error: unknown) => Promise<void>
  /** Room was made: {@link Commits.waiting} went down. */
  readonly drained: () => void
}

/**
 * Where results are committed: the part files first, then the journal's word for them. What falls due while the disk
 * works is committed together, since a sync costs the same for one part and for a hundred.
 */
export class Commits {
  readonly #init: CommitsInit
  #queue: (OrderedPart | (() => unknown))[] = []
  #working: Promise<void> | undefined
  #stopped = false
  /** Pieces of parts that are not durable yet. */
  waiting = 0
  waitingBytes = 0

  constructor(init: CommitsInit) {
    this.#init = init
  }

  /** Orders a part. */
  add(part: OrderedPart): void {
    this.waiting += part.pieces.length
    this.waitingBytes += sizeOf(part)
    this.#enqueue(part)
  }

  /** Calls `fn` once all that was added before is durable, or has failed to be. */
  after(fn: () => unknown): void {
    this.#enqueue(fn)
  }

  /** Nothing more is written; what is under way ends. */
  stop(): void {
    this.#stopped = true
  }

  /** Resolves when all that was asked for so far has been dealt with. */
  async settled(): Promise<void> {
    await this.#working
  }

  #enqueue(item: OrderedPart | (() => unknown)): void {
    this.#queue.push(item)
    this.#working ??= this.#work()
  }

  async #work(): Promise<void> {
    await null // what falls due in the same turn belongs to the same group
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0, GROUP)
      const parts = group.filter((item) => typeof item !== 'function')
      const written = parts.length > 0 ? await this.#commit(parts) : []
      for (const part of parts) {
        this.waiting -= part.pieces.length
        this.waitingBytes -= sizeOf(part)
      }
      if (written.length > 0) this.#init.committed(written)
      for (const item of group) if (typeof item === 'function') await item()
      this.#init.drained()
    }
    this.#working = undefined
  }

  /** The parts that are durable now: all, or none. */
  async #commit(parts: readonly OrderedPart[]): Promise<readonly ResultPart[]> {
    if (this.#stopped) return []
    try {
      const written = await this.#init.write(parts)
      await this.#init.journal.append(...written.map((part) => ({ type: 'part' as const, part })))
      return written
    } catch (error) {
      await this.#init.failed(error)
      return []
    }
  }
}

function sizeOf({ pieces }: OrderedPart): number {
  return pieces.reduce((sum, piece) => sum + pieceBytes(piece), 0)
}

/** Bytes of outputs. */
export function pieceBytes({ outputs, others }: Piece): number {
  return others.reduce((sum, { byteLength }) => sum + byteLength, outputs.byteLength)
}
