import { join } from 'node:path'
import { type AividaError, isAividaError } from '../base/errors.ts'
import { limit } from '../base/limits.ts'
import { type Disk, systemDisk } from './disk.ts'
import { writeEndNote } from './end-note.ts'
import { closed, diskError, diskFull, dropped, failed, fenced, hasErrno, inUse, isDiskFull } from './errors.ts'
import { groupHash } from './frame.ts'
import type { LogKey } from './log-key.ts'
import { EPOCH_FILE, raiseEpoch, recover } from './recovery.ts'
import { type FoundGroup, liveSegments, readGroups, type Segment, segmentName } from './segment.ts'
import { SegmentWriter } from './segment-writer.ts'
import { readSnapshot, snapshotSeqs, writeSnapshot } from './snapshot-file.ts'
import type { AppendOptions, Group, Head, LogStore, OpenOptions, Snapshot } from './store.ts'

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
 * A log in a directory: segments (`FIRST-EPOCH.seg`), snapshots (`ENTRY.snap`), the current `epoch`, a note of where it
 * ended (`end`), and a `lock` that lets one writer in.
 */
export function fileLogStore(init: FileStoreInit): LogStore {
  return new FileLogStore(init)
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
  #active: SegmentWriter | undefined
  #key: LogKey | undefined
  /** The group that was written last, by this handle. */
  #lastGroup: Group | undefined
  /** Why this handle writes no more. */
  #dead: AividaError | undefined

  constructor(init: FileStoreInit) {
    this.#dir = init.dir
    this.#segmentBytes = Math.min(init.segmentBytes ?? limit('logSegmentBytes'), limit('logSegmentBytes'))
    this.#disk = init.disk ?? systemDisk
  }

  async open(options: OpenOptions = {}): Promise<Head> {
    try {
      await this.#disk.makeDir(this.#dir)
      this.#unlock = await this.#disk.lock(this.#dir)
      const { epoch, bytes } = await raiseEpoch(this.#disk, this.#dir, options.minEpoch)
      const { segments, ...found } = await recover(this.#disk, this.#dir, options)
      this.#epoch = epoch
      this.#epochBytes = bytes
      this.#segments = segments
      this.#tail = found.tail
      this.#key = options.key
      await this.#startSegment(found.tail + 1)
      return { epoch, ...found }
    } catch (error) {
      await this.close()
      throw diskError('opening the log', this.#dir, error)
    }
  }

  async #startSegment(firstSeq: number): Promise<void> {
    const segment = { firstSeq, epoch: this.#epoch }
    const writer = await SegmentWriter.start(this.#disk, this.#dir, segment, this.#segmentBytes).catch((error) => {
      if (isDiskFull(error)) throw diskFull(this.#dir, error)
      throw this.#die(hasErrno(error, 'EEXIST') ? inUse(this.#dir, error) : failed('starting a segment', error))
    })
    const previous = this.#active
    this.#active = writer
    this.#segments = [...this.#segments.filter((other) => other.firstSeq < firstSeq), segment]
    try {
      await this.#disk.syncDir(this.#dir) // else a power cut may lose the file with all that is in it
      await previous?.close({ trim: true })
    } catch (error) {
      throw this.#die(failed('starting a segment', error))
    }
  }

  async append(group: Group, { epoch, reserved = false }: AppendOptions): Promise<void> {
    if (this.#dead) throw this.#dead
    if (epoch !== this.#epoch) throw fenced(epoch, this.#epoch)
    if (this.#active!.isFull(group.frame.byteLength))
      await this.#startSegment(group.firstSeq).catch((error) => {
        if (!reserved || !isAividaError(error, 'log.disk-full')) throw error // else the old one has its reserve
      })
    const active = this.#active!
    await this.#write(active, group.frame, reserved)
    active.wrote(group)
    this.#lastGroup = group
    this.#tail = group.firstSeq + group.count - 1
    for (const listener of this.#listeners) listener(this.#tail)
  }

  async #write(active: SegmentWriter, frame: Uint8Array, reserved: boolean): Promise<void> {
    try {
      await active.write(frame, reserved)
    } catch (error) {
      throw isDiskFull(error) ? diskFull(this.#dir, error) : this.#die(diskError('writing a group', this.#dir, error))
    }
    // The epoch is read after the write: when it still is ours, whoever raises it later will find the group. A sync
    // that failed is never tried again: the system may have dropped the pages and would call the next one good.
    const [synced, epoch] = await Promise.allSettled([active.sync(), this.#disk.read(join(this.#dir, EPOCH_FILE))])
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
    const active = this.#active?.segment === segment ? this.#active : undefined
    const start = active?.markBefore(fromSeq) ?? { firstSeq: segment.firstSeq, at: 0 }
    const stretch = { firstSeq: start.firstSeq, endSeq, fromByte: start.at, ...(active && { toByte: active.end }) }
    try {
      return await readGroups(this.#disk, this.#path(segment), stretch)
    } catch (error) {
      const oldest = this.#segments[0]!.firstSeq
      throw segment.firstSeq < oldest ? dropped(fromSeq, oldest) : diskError('reading the log', this.#dir, error)
    }
  }

  tail(): number {
    return this.#tail
  }

  first(): number {
    return this.#segments[0]?.firstSeq ?? this.#tail + 1
  }

  onAppend(listener: (tail: number) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async putSnapshot(snapshot: Snapshot): Promise<void> {
    if (this.#dead) throw this.#dead
    await writeSnapshot(this.#disk, this.#dir, snapshot, this.#key).catch((error: unknown) => {
      // One that may not be durable must never be what entries are dropped for.
      throw isDiskFull(error) ? diskFull(this.#dir, error) : this.#die(failed('writing a snapshot', error))
    })
  }

  async lastSnapshot(): Promise<Snapshot | undefined> {
    return readSnapshot(this.#disk, this.#dir, this.#key).catch((error: unknown) => {
      throw diskError('reading a snapshot', this.#dir, error)
    })
  }

  async dropBefore(seq: number): Promise<void> {
    if (this.#dead) throw this.#dead
    try {
      const names = await this.#disk.list(this.#dir)
      const [, covered = 0] = snapshotSeqs(names)
      const wanted = Math.min(seq, covered + 1, this.#tail)
      const kept = this.#segments.findLastIndex((segment) => segment.firstSeq <= wanted)
      const gone = this.#segments.slice(0, Math.max(0, kept))
      if (gone.length === 0) return
      this.#segments = this.#segments.slice(gone.length)
      const { stale } = liveSegments(names)
      // What a later epoch took the place of goes first: without that epoch's segment, it would be read again.
      const shadowed = stale.filter((segment) => segment.firstSeq < this.#segments[0]!.firstSeq)
      for (const segment of shadowed) await this.#disk.remove(this.#path(segment))
      await this.#disk.syncDir(this.#dir)
      for (const segment of gone) await this.#disk.remove(this.#path(segment)) // oldest first: what is left has no hole
      await this.#disk.syncDir(this.#dir)
    } catch (error) {
      throw diskError('dropping entries', this.#dir, error)
    }
  }

  async close(): Promise<void> {
    const dead = this.#dead
    this.#dead ??= closed()
    const active = this.#active
    this.#active = undefined
    await active?.close({ trim: !dead }).catch(() => undefined) // a writer that failed or was fenced touches nothing more
    const last = this.#lastGroup
    this.#lastGroup = undefined
    if (last && !dead)
      await writeEndNote(this.#disk, this.#dir, { seq: this.#tail, hash: groupHash(last) }).catch(() => undefined) // one that is missing says nothing
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
