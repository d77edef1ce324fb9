import { join } from 'node:path'
import type { AividaError } from '../base/errors.ts'
import { limit } from '../base/limits.ts'
import { type Disk, type DiskFile, systemDisk } from './disk.ts'
import { closed, diskError, diskFull, dropped, failed, fenced, hasErrno, inUse, isDiskFull } from './errors.ts'
import { EPOCH_FILE, raiseEpoch, recover } from './recovery.ts'
import { type FoundGroup, readGroups, type Segment, segmentName } from './segment.ts'
import { readSnapshot, writeSnapshot } from './snapshot-file.ts'
import type { Group, Head, LogStore, Snapshot } from './store.ts'

/** How a log is kept in a directory. */
export interface FileStoreInit {
  /** Made when missing; holds this log and nothing else. */
  readonly dir: string
  /** A segment that would grow beyond this ends. Bytes. Default and maximum: `logSegmentBytes`. */
  readonly segmentBytes?: number
  /** Default: the machine's own. */
  readonly disk?: Disk
}

/**
 * A log in a directory: segments (`FIRST-EPOCH.seg`), snapshots (`ENTRY.snap`), the current `epoch`, and a `lock` that
 * lets one writer in.
 */
export function fileLogStore(init: FileStoreInit): LogStore {
  return new FileLogStore(init)
}

/** A read begins at most this far before the group it wants, so that following the tail doesn't read the file anew. */
const MARK_EVERY_BYTES = 64 * 1024

/** The segment that is written to. */
interface ActiveSegment {
  readonly segment: Segment
  readonly file: DiskFile
  /** Where the next group goes; all before it is durable. */
  end: number
  /** Where some of the groups begin, in order. */
  readonly marks: { readonly firstSeq: number; readonly at: number }[]
}

class FileLogStore implements LogStore {
  readonly #dir: string
  readonly #segmentBytes: number
  readonly #disk: Disk
  readonly #listeners = new Set<(tail: number) => void>()
  #unlock: (() => void) | undefined
  #epoch = 0
  #epochBytes: Uint8Array = new Uint8Array()
  #tail = 0
  /** Oldest first, never changed in place: a read goes on with the list it began with. */
  #segments: readonly Segment[] = []
  #active: ActiveSegment | undefined
  /** Why this handle writes no more. */
  #dead: AividaError | undefined

  constructor(init: FileStoreInit) {
    this.#dir = init.dir
    this.#segmentBytes = Math.min(init.segmentBytes ?? limit('logSegmentBytes'), limit('logSegmentBytes'))
    this.#disk = init.disk ?? systemDisk
  }

  async open(): Promise<Head> {
    try {
      await this.#disk.makeDir(this.#dir)
      this.#unlock = await this.#disk.lock(this.#dir)
      const { epoch, bytes } = await raiseEpoch(this.#disk, this.#dir)
      const { segments, ...found } = await recover(this.#disk, this.#dir)
      this.#epoch = epoch
      this.#epochBytes = bytes
      this.#segments = segments
      this.#tail = found.tail
      await this.#startSegment(found.tail + 1)
      return { epoch, ...found }
    } catch (error) {
      await this.close()
      throw diskError('opening the log', this.#dir, error)
    }
  }

  async #startSegment(firstSeq: number): Promise<void> {
    const segment = { firstSeq, epoch: this.#epoch }
    const file = await this.#disk.open(this.#path(segment), 'new').catch((error: unknown) => {
      if (isDiskFull(error)) throw diskFull(this.#dir, error)
      throw this.#die(hasErrno(error, 'EEXIST') ? inUse(this.#dir, error) : failed('starting a segment', error))
    })
    const previous = this.#active?.file
    this.#active = { segment, file, end: 0, marks: [{ firstSeq, at: 0 }] }
    this.#segments = [...this.#segments.filter((other) => other.firstSeq < firstSeq), segment]
    try {
      await this.#disk.syncDir(this.#dir) // else a power cut may lose the file with all that is in it
      await previous?.close()
    } catch (error) {
      throw this.#die(failed('starting a segment', error))
    }
  }

  async append(group: Group, { epoch }: { readonly epoch: number }): Promise<void> {
    if (this.#dead) throw this.#dead
    if (epoch !== this.#epoch) throw fenced(epoch, this.#epoch)
    const { end } = this.#active!
    if (end > 0 && end + group.frame.byteLength > this.#segmentBytes) await this.#startSegment(group.firstSeq)
    const active = this.#active!
    await this.#write(active, group.frame)
    if (active.end - active.marks.at(-1)!.at >= MARK_EVERY_BYTES)
      active.marks.push({ firstSeq: group.firstSeq, at: active.end })
    active.end += group.frame.byteLength
    this.#tail = group.firstSeq + group.count - 1
    for (const listener of this.#listeners) listener(this.#tail)
  }

  async #write({ file, end }: ActiveSegment, frame: Uint8Array): Promise<void> {
    try {
      await file.write(frame, end)
    } catch (error) {
      const undone = isDiskFull(error) && (await succeeds(file.truncate(end)))
      throw undone ? diskFull(this.#dir, error) : this.#die(failed('writing a group', error))
    }
    // The epoch is read after the write: when it still is ours, whoever raises it later will find the group. A sync
    // that failed is never tried again: the system may have dropped the pages and would call the next one good.
    const [synced, epoch] = await Promise.allSettled([file.sync(), this.#disk.read(join(this.#dir, EPOCH_FILE))])
    if (synced.status === 'rejected') throw this.#die(failed('syncing a group', synced.reason))
    if (epoch.status === 'rejected') throw this.#die(failed('reading the epoch', epoch.reason))
    if (Buffer.compare(epoch.value, this.#epochBytes) !== 0) throw this.#die(fenced(this.#epoch))
  }

  async *read(fromSeq: number): AsyncIterable<Group> {
    const segments = this.#segments
    const tail = this.#tail
    const oldest = segments[0]?.firstSeq ?? 1
    if (fromSeq < oldest) throw dropped(fromSeq, oldest)
    for (const [i, segment] of segments.entries()) {
      const endSeq = Math.min(segments[i + 1]?.firstSeq ?? tail + 1, tail + 1)
      if (endSeq <= Math.max(fromSeq, segment.firstSeq)) continue
      for (const { group } of await this.#readSegment(segment, endSeq, fromSeq))
        if (group.firstSeq + group.count > fromSeq) yield group
    }
  }

  async #readSegment(segment: Segment, endSeq: number, fromSeq: number): Promise<readonly FoundGroup[]> {
    const marks = this.#active?.segment === segment ? this.#active.marks : []
    const start = marks.findLast((mark) => mark.firstSeq <= fromSeq) ?? { firstSeq: segment.firstSeq, at: 0 }
    try {
      return await readGroups(this.#disk, this.#path(segment), start.firstSeq, endSeq, start.at)
    } catch (error) {
      const oldest = this.#segments[0]!.firstSeq
      throw segment.firstSeq < oldest ? dropped(fromSeq, oldest) : diskError('reading the log', this.#dir, error)
    }
  }

  tail(): number {
    return this.#tail
  }

  onAppend(listener: (tail: number) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async putSnapshot(snapshot: Snapshot): Promise<void> {
    await writeSnapshot(this.#disk, this.#dir, snapshot).catch((error: unknown) => {
      throw diskError('writing a snapshot', this.#dir, error)
    })
  }

  async lastSnapshot(): Promise<Snapshot | undefined> {
    return readSnapshot(this.#disk, this.#dir).catch((error: unknown) => {
      throw diskError('reading a snapshot', this.#dir, error)
    })
  }

  async dropBefore(seq: number): Promise<void> {
    const wanted = Math.min(seq, this.#tail)
    const kept = this.#segments.findLastIndex((segment) => segment.firstSeq <= wanted)
    const gone = this.#segments.slice(0, Math.max(0, kept))
    this.#segments = this.#segments.slice(gone.length)
    for (const segment of gone) await this.#disk.remove(this.#path(segment))
    await this.#disk.syncDir(this.#dir)
  }

  async close(): Promise<void> {
    this.#dead ??= closed()
    const file = this.#active?.file
    this.#active = undefined
    await file?.close().catch(() => undefined) // nothing durable hangs on it
    this.#unlock?.()
    this.#unlock = undefined
  }

  #die(error: AividaError): AividaError {
    this.#dead ??= error
    return this.#dead
  }

  #path(segment: Segment): string {
    return join(this.#dir, segmentName(segment))
  }
}

const succeeds = (attempt: Promise<void>): Promise<boolean> =>
  attempt.then(
    () => true,
    () => false,
  )
