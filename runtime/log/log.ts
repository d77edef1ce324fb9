import type { Clock } from '../base/clock.ts'
import { type AividaError, toAividaError, userError } from '../base/errors.ts'
import type { Digest } from '../base/hash.ts'
import { limit } from '../base/limits.ts'
import { busy, closed, corrupt, fenced, rolledBack, wrongSize } from './errors.ts'
import { type FileStoreInit, fileLogStore } from './file-store.ts'
import { bodyBytes, groupEntries, groupHash, isSigned, isSignedBy, MAX_BODY_BYTES, sealGroup } from './frame.ts'
import type { LogKey } from './log-key.ts'
import type { Group, Head, LogStore, SeenEntry, Snapshot } from './store.ts'

/** How a log is opened. */
export interface LogInit {
  /** Stamps the groups. */
  readonly clock: Clock
  /** What may wait for the disk. Bytes. Default and maximum: `logQueueBytes`. */
  readonly queueBytes?: number
  /** Signs every group and snapshot, and is asked about those found. Default: nothing is signed. */
  readonly key?: LogKey
  /** What is known to have been durable: the log is refused when it lacks it. */
  readonly seen?: SeenEntry
  /** The epoch becomes this at least. Default: one more than the last. */
  readonly minEpoch?: number
}

/** How entries are appended. */
export interface LogAppendOptions {
  /** Refused unless this writer holds it. */
  readonly epoch?: number
  /** The entries may take the space that is set aside for when the disk is full: they say why the log goes no further. */
  readonly reserved?: boolean
}

/** One entry as it was appended. */
export interface LogEntry {
  readonly seq: number
  /** Epoch of the writer that appended it. */
  readonly epoch: number
  /** A view into what was read: copy what is kept. */
  readonly entry: Uint8Array
}

/**
 * Opens a log in a directory or another home and takes it over: the epoch rises, older writers are fenced, what a
 * crash left unfinished is cut. Throws `log.in-use`, `log.corrupt`, `log.rolled-back`, `log.version`, `log.disk-full`,
 * `log.failed`.
 */
export async function openLog(home: LogStore | FileStoreInit, init: LogInit): Promise<Log> {
  const store = 'dir' in home ? fileLogStore(home) : home
  const log = new Log(store, await store.open(init), init)
  try {
    if (init.seen?.hash !== undefined) await assertHolds(log, init.seen)
    return log
  } catch (error) {
    await log.close()
    throw error
  }
}

/** Refuses a log that holds something else where `seen` was. What was dropped after a snapshot is not asked for. */
async function assertHolds(log: Log, seen: SeenEntry): Promise<void> {
  if (seen.seq < log.first || seen.seq === 0) return
  for await (const group of log.groups(seen.seq)) {
    const isSame = group.firstSeq + group.count - 1 === seen.seq && groupHash(group) === seen.hash
    if (!isSame) throw rolledBack('the log', log.tail, seen)
    return
  }
}

interface Waiting {
  readonly reserved: boolean
  readonly entries: readonly Uint8Array[]
  readonly bytes: number
  readonly resolve: (result: { firstSeq: number }) => void
  readonly reject: (error: AividaError) => void
}

/**
 * A durable append-only log with one writer. Entries are numbered from 1 without gaps; their content is the caller's.
 *
 * Appends made while the disk is busy form the next group, so that a lone caller waits for one write and a thousand
 * callers for about as long; no timer is involved.
 */
export class Log {
  /** The epoch this writer holds. */
  readonly epoch: number
  /** Bytes of a group that a crash had left unfinished and that were cut at opening. Nothing acknowledged was in it. */
  readonly cutBytes: number
  readonly #store: LogStore
  readonly #clock: Clock
  readonly #key: LogKey | undefined
  readonly #queueBytes: number
  #nextSeq: number
  #hash: Digest
  #queue: Waiting[] = []
  #queuedBytes = 0
  #flushing: Promise<void> | undefined
  #lastAppend: Promise<unknown> = Promise.resolve()
  #room = Promise.withResolvers<void>()
  #stopped: AividaError | undefined
  #closing: Promise<void> | undefined

  /** Use {@link openLog}. */
  constructor(store: LogStore, head: Head, init: LogInit) {
    this.#store = store
    this.#clock = init.clock
    this.#key = init.key
    this.#queueBytes = Math.min(init.queueBytes ?? limit('logQueueBytes'), limit('logQueueBytes'))
    this.epoch = head.epoch
    this.cutBytes = head.cutBytes
    this.#nextSeq = head.tail + 1
    this.#hash = head.hash
  }

  /** Sequence number of the last durable entry; 0 when there is none. */
  get tail(): number {
    return this.#store.tail()
  }

  /** Sequence number of the oldest entry that is kept. */
  get first(): number {
    return this.#store.first()
  }

  /** The last durable entry and the hash of its group: what a follower is told, and later holds the log to. */
  get head(): { readonly epoch: number; readonly seq: number; readonly hash: Digest } {
    return { epoch: this.epoch, seq: this.#nextSeq - 1, hash: this.#hash }
  }

  /**
   * Appends entries that a crash keeps or loses together; resolves with the number of the first one when all are
   * durable. They must not change before that. Order is call order.
   *
   * Throws `log.fenced`, `log.disk-full`, `log.failed`, `log.closed`, after each of which the log refuses appends
   * ({@link resume}); `log.busy` when too much waits ({@link ready}); `log.size` for no entry or too large ones.
   */
  append(entries: readonly Uint8Array[], options: LogAppendOptions = {}): Promise<{ firstSeq: number }> {
    const bytes = bodyBytes(entries)
    const refusal = this.#refusal(entries, bytes, options.epoch ?? this.epoch)
    if (refusal) return Promise.reject(refusal)
    const { promise, resolve, reject } = Promise.withResolvers<{ firstSeq: number }>()
    this.#queue.push({ entries, bytes, reserved: options.reserved ?? false, resolve, reject })
    this.#queuedBytes += bytes
    this.#lastAppend = promise
    this.#flushing ??= this.#flush()
    return promise
  }

  #refusal(entries: readonly Uint8Array[], bytes: number, epoch: number): AividaError | undefined {
    if (this.#closing) return closed()
    if (this.#stopped) return this.#stopped
    if (epoch !== this.epoch) return fenced(epoch, this.epoch)
    if (entries.length === 0 || bytes > MAX_BODY_BYTES) return wrongSize('an append', bytes, MAX_BODY_BYTES)
    const full = this.#queuedBytes + bytes > this.#queueBytes || this.#queue.length >= limit('logQueueAppends')
    return full && this.#queue.length > 0 ? busy(this.#queuedBytes, this.#queueBytes) : undefined
  }

  async #flush(): Promise<void> {
    await null // what is appended in the same turn belongs to the same group
    while (this.#queue.length > 0 && !this.#stopped) {
      const batch = this.#takeBatch()
      const firstSeq = this.#nextSeq
      try {
        const entries = batch.flatMap((waiting) => waiting.entries)
        const wallMs = this.#clock.wallMs()
        const init = { firstSeq, epoch: this.epoch, wallMs, previousHash: this.#hash }
        const group = sealGroup(init, entries, this.#key)
        const written = this.#store.append(group, { epoch: this.epoch, reserved: batch[0]!.reserved })
        const hash = groupHash(group) // while the disk works
        await written
        this.#hash = hash
      } catch (error) {
        this.#stop(toAividaError(error, 'log.failed'), batch)
        break
      }
      for (const { entries, resolve } of batch) {
        resolve({ firstSeq: this.#nextSeq })
        this.#nextSeq += entries.length
      }
      await this.#clock.turn() // those who waited for this group may join the next one
    }
    this.#flushing = undefined
  }

  #takeBatch(): Waiting[] {
    const reserved = this.#queue[0]!.reserved
    let [count, bytes] = [0, 0]
    for (let next = this.#queue[0]; next?.reserved === reserved; next = this.#queue[count]) {
      if (bytes + next.bytes > MAX_BODY_BYTES) break
      bytes += next.bytes
      count++
    }
    this.#queuedBytes -= bytes
    if (this.#queuedBytes <= this.#queueBytes / 2) this.#makeRoom()
    return this.#queue.splice(0, count)
  }

  /** None of those that wait may be written any more: it would be without what came before it. */
  #stop(error: AividaError, batch: readonly Waiting[] = []): void {
    this.#stopped = error
    for (const { reject } of [...batch, ...this.#queue]) reject(error)
    this.#queue = []
    this.#queuedBytes = 0
    this.#makeRoom()
  }

  /** Resolves when less than half of the queue is taken: what a producer awaits before it takes in more work. */
  async ready(): Promise<void> {
    if (this.#queuedBytes > this.#queueBytes / 2) await this.#room.promise
  }

  #makeRoom(): void {
    this.#room.resolve()
    this.#room = Promise.withResolvers<void>()
  }

  /** Resolves when all that was appended so far is durable: what an answer that shows it waits for. Throws as append. */
  async barrier(): Promise<void> {
    await this.#lastAppend
    if (this.#stopped) throw this.#stopped
  }

  /** Takes appends again after `log.disk-full`, once the owner has dealt with those that were refused. */
  resume(): void {
    if (this.#stopped?.code !== 'log.disk-full') return
    this.#stopped = undefined
    this.#lastAppend = Promise.resolve()
  }

  /**
   * The durable entries from `fromSeq` to the tail, in order, their chain checked. Throws `log.dropped`,
   * `log.corrupt`, `log.version`, `log.failed`, `log.closed`.
   */
  async *read(fromSeq: number): AsyncGenerator<LogEntry, void> {
    for await (const group of this.groups(fromSeq)) {
      let seq = group.firstSeq
      for (const entry of groupEntries(group)) {
        if (seq >= fromSeq) yield { seq, epoch: group.epoch, entry }
        seq++
      }
    }
  }

  /**
   * The sealed groups from the one that holds `fromSeq` to the tail, in order, their chain checked up to the head that
   * this writer knows. `signatures`: each group's is checked too; without it, that of the head stands for all.
   * Throws as {@link read}.
   */
  async *groups(fromSeq: number, { signatures = false } = {}): AsyncGenerator<Group, void> {
    if (this.#closing) throw closed()
    const wrong = (seq: number, found: string) => corrupt({ file: 'the log', seq, found })
    let hash: Digest | undefined
    let seq = fromSeq
    for await (const group of this.#store.read(fromSeq)) {
      const follows =
        hash === undefined ? group.firstSeq <= fromSeq : group.firstSeq === seq && group.previousHash === hash
      if (!follows) throw wrong(seq, 'another group than the one that was written')
      if (signatures && this.#key && isSigned(group) && !isSignedBy(group, this.#key))
        throw wrong(group.firstSeq, 'a group that another key has signed')
      seq = group.firstSeq + group.count
      hash = groupHash(group)
      if (seq === this.#nextSeq && hash !== this.#hash)
        throw wrong(group.firstSeq, 'another group than the one that was written')
      yield group
    }
  }

  /** Calls `listener` with the new {@link tail} after each group; returns a function that stops it. */
  onAppend(listener: (tail: number) => void): () => void {
    return this.#store.onAppend(listener)
  }

  /**
   * Keeps the caller's state as of entry `seq`, durably. The one before it is kept too. Throws `log.size`,
   * `log.ahead` when the entry is not durable yet, `log.disk-full`, `log.failed`.
   */
  async snapshot(seq: number, bytes: Uint8Array): Promise<void> {
    if (seq > this.tail)
      throw userError('log.ahead', `a snapshot of entry ${seq} needs it durable, the tail is ${this.tail}`)
    const maxBytes = limit('logSnapshotBytes')
    if (bytes.byteLength > maxBytes) throw wrongSize('a snapshot', bytes.byteLength, maxBytes)
    await this.#store.putSnapshot({ seq, bytes })
  }

  /** The newest snapshot that is whole; a reader goes on with entry `seq + 1`. */
  lastSnapshot(): Promise<Snapshot | undefined> {
    return this.#store.lastSnapshot()
  }

  /** Forgets entries before `seq`, as far as the two newest snapshots cover them and the store finds it convenient. */
  dropBefore(seq: number): Promise<void> {
    return this.#store.dropBefore(seq)
  }

  /** Writes what waits, then frees the log for its next writer. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#flushing
      await this.#store.close()
    })()
    return this.#closing
  }
}
