import { AividaError } from '../../base/index.ts'

/** One part of the node that takes disk space: the blob store, the log, a cache. */
export interface DiskUser {
  readonly name: string
  /** Bytes it holds now, reservations aside. */
  usage(): number
  /** Gives up what it can do without, `bytes` or more if it has them; resolves to the bytes freed. */
  evict?(bytes: number): Promise<number>
}

/** Space set aside for what is being written. */
export interface DiskReservation {
  /** Asks for more. Throws `disk.budget`. */
  grow(bytes: number): Promise<void>
  /** Ends it: what was written counts in its user's usage from here on. Harmless when repeated. */
  release(): void
}

/**
 * One limit for everything a node keeps on disk. Users register how much they hold and, if they can, how to give some
 * up; whoever writes reserves first. What does not fit after eviction is refused with `disk.budget`.
 */
export class DiskBudget {
  readonly limitBytes: number
  readonly #users = new Set<DiskUser>()
  #reservedBytes = 0
  #turn: Promise<unknown> = Promise.resolve()

  /** Default: no limit but the disk itself. */
  constructor(limitBytes = Number.POSITIVE_INFINITY) {
    this.limitBytes = limitBytes
  }

  /** Counts a user in from now on; the returned function takes it out again. */
  register(user: DiskUser): () => void {
    this.#users.add(user)
    return () => void this.#users.delete(user)
  }

  /** Bytes in use and reserved, in all and by user. */
  usage(): { readonly totalBytes: number; readonly byUser: Readonly<Record<string, number>> } {
    const byUser: Record<string, number> = {}
    for (const user of this.#users) byUser[user.name] = (byUser[user.name] ?? 0) + user.usage()
    if (this.#reservedBytes > 0) byUser.reserved = this.#reservedBytes
    return { totalBytes: Object.values(byUser).reduce((sum, bytes) => sum + bytes, 0), byUser }
  }

  /** Sets space aside, evicting what may go. Throws `disk.budget`, with what takes the space. */
  async reserve(bytes: number): Promise<DiskReservation> {
    let heldBytes = 0
    const grow = async (more: number) => {
      await this.#take(more)
      heldBytes += more
    }
    await grow(bytes)
    return {
      grow,
      release: () => {
        this.#reservedBytes -= heldBytes
        heldBytes = 0
      },
    }
  }

  /** One at a time, so that two writers do not both evict for the space of both. */
  #take(bytes: number): Promise<void> {
    const turn = this.#turn.then(async () => {
      for (const user of this.#users) {
        const excessBytes = this.usage().totalBytes + bytes - this.limitBytes
        if (excessBytes <= 0) break
        await user.evict?.(excessBytes)
      }
      if (this.usage().totalBytes + bytes > this.limitBytes) throw this.#exceeded(bytes)
      this.#reservedBytes += bytes
    })
    this.#turn = turn.catch(() => {})
    return turn
  }

  #exceeded(bytes: number): AividaError {
    const { byUser } = this.usage()
    const parts = Object.entries(byUser).map(([name, used]) => `${name} ${used}`)
    return new AividaError({
      code: 'disk.budget',
      category: 'platform',
      message:
        `${bytes} more bytes do not fit into the disk budget of ${this.limitBytes} (in use: ${parts.join(', ') || 'nothing'}); ` +
        'let jobs finish, or raise the budget: --disk-budget-bytes',
      retryable: true,
      facts: { neededBytes: bytes, limitBytes: this.limitBytes, byUser },
    })
  }
}
