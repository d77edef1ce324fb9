import type { Clock, Digest } from '../../base/index.ts'
import type { RowTable } from '../../data/rows/index.ts'

/** A table stays open this long after its last use: the next shard reads on where this one ended. */
const IDLE_MS = 15_000

interface Entry {
  readonly table: Promise<RowTable>
  users: number
  stopWaiting: () => void
}

/** Tables that shards read, each open once, with what was read of it in memory. */
export class OpenTables {
  readonly #clock: Pick<Clock, 'after'>
  readonly #entries = new Map<string, Entry>()

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock
  }

  /** Lends the table of a job, opened by `open` unless it is. */
  async lend<T>(
    job: string,
    blob: Digest,
    open: () => Promise<RowTable>,
    work: (table: RowTable) => Promise<T>,
  ): Promise<T> {
    const key = `${job}/${blob}`
    const entry = this.#entries.get(key) ?? this.#open(key, open())
    entry.stopWaiting()
    entry.users++
    try {
      return await work(await entry.table)
    } catch (error) {
      this.#drop(key, entry) // it may be the table: the next one opens it anew
      throw error
    } finally {
      if (--entry.users === 0) entry.stopWaiting = this.#clock.after(IDLE_MS, () => this.#drop(key, entry))
    }
  }

  #open(key: string, table: Promise<RowTable>): Entry {
    const entry: Entry = { table, users: 0, stopWaiting: () => {} }
    this.#entries.set(key, entry)
    return entry
  }

  #drop(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key)
    if (entry.users === 0) entry.table.then((table) => table.close()).catch(() => {}) // it was never open, or is closed
  }
}
