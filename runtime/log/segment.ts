import { limit } from '../base/limits.ts'
import type { Disk } from './disk.ts'
import { corrupt } from './errors.ts'
import { FRAME_ALIGNMENT, frameLength, groupAt, isSignedBy } from './frame.ts'
import type { LogKey } from './log-key.ts'
import type { Group } from './store.ts'

/**
 * A file of a log: whole groups of one epoch, then zeros or nothing. Every opening starts a new one, so that a
 * writer that was taken over and does not know it can only write where nobody reads.
 */
export interface Segment {
  /** Sequence number of its first entry. */
  readonly firstSeq: number
  readonly epoch: number
}

/** Epochs of adopters have up to sixteen digits; names are compared as numbers. */
const NAME = /^(\d{16})-(\d{10,16})\.seg$/

/** The file name of a segment. */
export function segmentName({ firstSeq, epoch }: Segment): string {
  return `${String(firstSeq).padStart(16, '0')}-${String(epoch).padStart(10, '0')}.seg`
}

/**
 * Sorts the segments among the files of a directory: `live` ones follow each other, each reaching to where the next
 * begins; `stale` ones begin where a later epoch has taken over, and hold nothing that was acknowledged.
 */
export function liveSegments(names: readonly string[]): { live: Segment[]; stale: Segment[] } {
  const found = names.flatMap((name) => {
    const match = NAME.exec(name)
    return match ? [{ firstSeq: Number(match[1]), epoch: Number(match[2]) }] : []
  })
  found.sort((a, b) => b.epoch - a.epoch || b.firstSeq - a.firstSeq)
  const live: Segment[] = []
  const stale: Segment[] = []
  for (const segment of found)
    (segment.firstSeq < (live[0]?.firstSeq ?? Number.POSITIVE_INFINITY) ? live : stale).unshift(segment)
  return { live, stale }
}

/** A group and where its frame begins in the bytes that were scanned. */
export interface FoundGroup {
  readonly group: Group
  readonly at: number
}

/** What {@link scanGroups} found. */
export interface Scan {
  readonly groups: readonly FoundGroup[]
  /** Where the groups end. */
  readonly end: number
  /** Sequence number after the last group. */
  readonly nextSeq: number
}

/** Reads the groups that follow each other from `firstSeq` up to, not including, `endSeq`. Throws `log.version`. */
export function scanGroups(bytes: Uint8Array, firstSeq: number, endSeq = Number.POSITIVE_INFINITY): Scan {
  const groups: FoundGroup[] = []
  let end = 0
  let nextSeq = firstSeq
  while (nextSeq < endSeq) {
    const group = groupAt(bytes, end)
    if (group === undefined || group.firstSeq !== nextSeq) break
    groups.push({ group, at: end })
    end += group.frame.byteLength
    nextSeq += group.count
  }
  return { groups, end, nextSeq }
}

/** How many bytes after `end` are not a run of zeros to the end of the file. */
export function leftoverBytes(bytes: Uint8Array, end: number): number {
  let to = bytes.byteLength
  while (to > end && bytes[to - 1] === 0) to--
  return to - end
}

/**
 * Whether what follows the last whole group can only be damage, not a write that a crash cut short: a crash leaves
 * one group unfinished, and nothing behind it. Damage that is confined to the last group looks like a torn write.
 *
 * The bytes of a torn group are its callers', and may imitate a group. With a key, only one that it signed counts: no
 * caller can have brought it, since what was signed here lies before.
 */
export function isDamage(bytes: Uint8Array, { end, nextSeq }: Scan, key?: LogKey): boolean {
  if (groupAt(bytes, end) !== undefined) return true // whole, but not the one that should follow
  const leftover = leftoverBytes(bytes, end)
  const length = frameLength(bytes, end)
  if (length !== undefined) return leftover > length
  if (leftover > limit('logGroupBytes')) return true
  for (let at = end + FRAME_ALIGNMENT; at < end + leftover; at += FRAME_ALIGNMENT) {
    const group = groupAt(bytes, at)
    if (group !== undefined && group.firstSeq > nextSeq && (!key || isSignedBy(group, key))) return true
  }
  return false
}

/** Which groups of a segment file to read. */
export interface Stretch {
  /** Of the first group, which begins at `fromByte`. */
  readonly firstSeq: number
  /** Sequence number after the last one. */
  readonly endSeq: number
  /** Default: 0. */
  readonly fromByte?: number
  /** Where the groups end at the latest. Default: the end of the file. */
  readonly toByte?: number
}

/** Reads consecutive groups of a segment file. Throws `log.corrupt` when they do not reach `endSeq`, `log.version`. */
export async function readGroups(
  disk: Disk,
  path: string,
  { firstSeq, endSeq, fromByte = 0, toByte }: Stretch,
): Promise<readonly FoundGroup[]> {
  const { groups, end, nextSeq } = scanGroups(await disk.read(path, fromByte, toByte), firstSeq, endSeq)
  if (nextSeq !== endSeq) throw corrupt({ file: path, seq: nextSeq, byte: fromByte + end, found: 'damaged' })
  return groups
}
