import { closed, dropped, fenced, rolledBack } from './errors.ts'
import { groupHash, NO_HASH } from './frame.ts'
import type { AppendOptions, Group, Head, LogStore, OpenOptions, Snapshot } from './store.ts'

/** What a log in memory consists of; it outlives its writers, as a directory or a database does. */
export interface MemoryLogHome {
  epoch: number
  groups: Group[]
  /** Newest first. */
  snapshots: Snapshot[]
}

/** An empty home. */
export function memoryLogHome(): MemoryLogHome {
  return { epoch: 0, groups: [], snapshots: [] }
}

/**
 * A log in memory, for tests and simulation. It has no lock: like a database it lets the newest writer in, and
 * fences the one before.
 */
export function memoryLogStore(home: MemoryLogHome): LogStore {
  return new MemoryLogStore(home)
}

class MemoryLogStore implements LogStore {
  readonly #home: MemoryLogHome
  readonly #listeners = new Set<(tail: number) => void>()
  #tail = 0
  #closed = false

  constructor(home: MemoryLogHome) {
    this.#home = home
  }

  async open({ seen, minEpoch = 1 }: OpenOptions = {}): Promise<Head> {
    const last = this.#home.groups.at(-1)
    this.#tail = last ? last.firstSeq + last.count - 1 : 0
    if (seen && seen.seq > this.#tail) throw rolledBack('the log', this.#tail, seen)
    this.#home.epoch = Math.max(minEpoch, this.#home.epoch + 1)
    return { epoch: this.#home.epoch, tail: this.#tail, hash: last ? groupHash(last) : NO_HASH, cutBytes: 0 }
  }

  async append(group: Group, { epoch }: AppendOptions): Promise<void> {
    if (this.#closed) throw closed()
    if (epoch !== this.#home.epoch) throw fenced(epoch, this.#home.epoch)
    this.#home.groups.push(group)
    this.#tail = group.firstSeq + group.count - 1
    for (const listener of this.#listeners) listener(this.#tail)
  }

  async *read(fromSeq: number): AsyncIterable<Group> {
    const { groups } = this.#home
    const tail = this.#tail
    const oldest = groups[0]?.firstSeq ?? 1
    if (fromSeq < oldest) throw dropped(fromSeq, oldest)
    const start = groups.findLastIndex((group) => group.firstSeq <= fromSeq)
    for (const group of groups.slice(Math.max(0, start)))
      if (group.firstSeq <= tail && group.firstSeq + group.count > fromSeq) yield group
  }

  tail(): number {
    return this.#tail
  }

  first(): number {
    return this.#home.groups[0]?.firstSeq ?? 1
  }

  onAppend(listener: (tail: number) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async putSnapshot({ seq, bytes }: Snapshot): Promise<void> {
    const others = this.#home.snapshots.filter((snapshot) => snapshot.seq !== seq)
    this.#home.snapshots = [{ seq, bytes: bytes.slice() }, ...others].sort((a, b) => b.seq - a.seq).slice(0, 2)
  }

  async lastSnapshot(): Promise<Snapshot | undefined> {
    return this.#home.snapshots[0]
  }

  async dropBefore(seq: number): Promise<void> {
    const wanted = Math.min(seq, (this.#home.snapshots[1]?.seq ?? 0) + 1, this.#tail)
    const kept = this.#home.groups.findLastIndex((group) => group.firstSeq <= wanted)
    if (kept > 0) this.#home.groups = this.#home.groups.slice(kept)
  }

  async close(): Promise<void> {
    this.#closed = true
  }
}
