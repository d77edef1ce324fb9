import { join } from 'node:path'
import { limit } from '../base/limits.ts'
import type { Disk, DiskFile } from './disk.ts'
import { failed, isDiskFull } from './errors.ts'
import { type Segment, segmentName } from './segment.ts'
import type { Group } from './store.ts'

/** A read begins at most this far before the group it wants, so that following the tail doesn't read the file anew. */
const MARK_EVERY_BYTES = 64 * 1024
/** Room is made in steps of this at least, doubling with the file, and this at most. */
const FIRST_STEP_BYTES = 64 * 1024
const LAST_STEP_BYTES = 1024 * 1024

/**
 * The segment that is written to. Its file is longer than what is in it: zeros ahead of the groups hold the space that
 * the next ones take, so that a sync has no new size to write, and the last of it, the reserve, is for the entries that
 * say why the log goes no further. It belongs to the file, so nobody else can fill the disk into it.
 */
export class SegmentWriter {
  readonly segment: Segment
  readonly #file: DiskFile
  readonly #segmentBytes: number
  readonly #reserveBytes = limit('logReserveBytes')
  /** Where the next group goes; all before it is durable. */
  #end = 0
  /** The size of the file. */
  #allocated = 0
  /** Where some of the groups begin, in order. */
  readonly #marks: { readonly firstSeq: number; readonly at: number }[]

  private constructor(segment: Segment, file: DiskFile, segmentBytes: number) {
    this.segment = segment
    this.#file = file
    this.#segmentBytes = segmentBytes
    this.#marks = [{ firstSeq: segment.firstSeq, at: 0 }]
  }

  /** Makes the file, with its reserve; its name is not durable yet. Throws as the disk does, and leaves nothing then. */
  static async start(disk: Disk, dir: string, segment: Segment, segmentBytes: number): Promise<SegmentWriter> {
    const path = join(dir, segmentName(segment))
    const file = await disk.open(path, 'new')
    const writer = new SegmentWriter(segment, file, segmentBytes)
    try {
      await writer.#grow(writer.#reserveBytes)
      return writer
    } catch (error) {
      await file.close().catch(() => undefined)
      await disk.remove(path).catch(() => undefined)
      throw error
    }
  }

  /** Whether a group of this size belongs into the next segment. */
  isFull(sizeBytes: number): boolean {
    return this.#end > 0 && this.#end + sizeBytes > this.#segmentBytes
  }

  /** Where the groups end. */
  get end(): number {
    return this.#end
  }

  /** The last place at or before an entry at which a group is known to begin. */
  markBefore(seq: number): { readonly firstSeq: number; readonly at: number } {
    return this.#marks.findLast((mark) => mark.firstSeq <= seq) ?? this.#marks[0]!
  }

  /**
   * Writes a group's frame, which is not durable yet. `reserved`: it may take what is set aside. Throws the system's
   * ENOSPC or EDQUOT when there is no room and nothing was left behind, `log.failed` otherwise.
   */
  async write(frame: Uint8Array, reserved: boolean): Promise<void> {
    const end = this.#end + frame.byteLength
    const wanted = end + (reserved ? 0 : this.#reserveBytes)
    if (wanted > this.#allocated) await this.#makeRoom(wanted)
    try {
      await this.#file.write(frame, this.#end)
    } catch (error) {
      // A file system that writes copies may be full although the space was ours.
      if (!isDiskFull(error) || !(await this.#cutTo(this.#end))) throw failed('writing a group', error)
      throw error
    }
  }

  async #makeRoom(wanted: number): Promise<void> {
    const step = Math.min(Math.max(this.#end, FIRST_STEP_BYTES), LAST_STEP_BYTES)
    const ample = Math.min(this.#allocated + step, this.#segmentBytes + this.#reserveBytes)
    if (ample <= wanted) return this.#grow(wanted)
    try {
      await this.#grow(ample)
    } catch (error) {
      if (!isDiskFull(error)) throw error
      await this.#grow(wanted)
    }
  }

  async #grow(toByte: number): Promise<void> {
    const from = this.#allocated
    try {
      await this.#file.write(new Uint8Array(toByte - from), from)
      this.#allocated = toByte
    } catch (error) {
      if (!isDiskFull(error)) throw failed('making room for a group', error)
      await this.#cutTo(from)
      throw error
    }
  }

  async #cutTo(sizeBytes: number): Promise<boolean> {
    try {
      await this.#file.truncate(sizeBytes)
      this.#allocated = sizeBytes
      return true
    } catch {
      return false
    }
  }

  /** Resolves when what was written is durable. */
  sync(): Promise<void> {
    return this.#file.sync()
  }

  /** The group that was written last is durable. */
  wrote({ firstSeq, frame }: Group): void {
    if (this.#end - this.#marks.at(-1)!.at >= MARK_EVERY_BYTES) this.#marks.push({ firstSeq, at: this.#end })
    this.#end += frame.byteLength
  }

  /** `trim`: gives back the space that was not used; nothing durable hangs on it. */
  async close({ trim }: { readonly trim: boolean }): Promise<void> {
    if (trim) await this.#cutTo(this.#end)
    await this.#file.close()
  }
}
