import { join } from 'node:path'
import { z } from 'zod'
import { codec } from '../base/encoding.ts'
import { type Disk, replaceFile, TEMPORARY } from './disk.ts'
import { readEndNote } from './end-note.ts'
import { corrupt, rolledBack } from './errors.ts'
import { groupHash, isSigned, isSignedBy, NO_HASH } from './frame.ts'
import type { LogKey } from './log-key.ts'
import {
  isDamage,
  leftoverBytes,
  liveSegments,
  readGroups,
  type Scan,
  type Segment,
  scanGroups,
  segmentName,
} from './segment.ts'
import { snapshotSeqs } from './snapshot-file.ts'
import type { Group, Head, OpenOptions, SeenEntry } from './store.ts'

/** The file that says who may write; every opening replaces it. */
export const EPOCH_FILE = 'epoch'

/** The next opening needs one more. */
const MAX_EPOCH = Number.MAX_SAFE_INTEGER - 1
const epochCodec = codec({ name: 'log epoch', schema: z.object({ epoch: z.number().int().positive().max(MAX_EPOCH) }) })

/** Raises the epoch durably: from here on every older writer finds itself fenced before it acknowledges anything. */
export async function raiseEpoch(disk: Disk, dir: string, minEpoch = 1): Promise<{ epoch: number; bytes: Uint8Array }> {
  const names = await disk.list(dir)
  for (const name of names) if (name.endsWith(TEMPORARY)) await disk.remove(join(dir, name))
  const path = join(dir, EPOCH_FILE)
  const stored = names.includes(EPOCH_FILE) ? epochOf(path, await disk.read(path)) : 0
  const { live, stale } = liveSegments(names)
  const last = Math.max(stored, ...live.map((segment) => segment.epoch), ...stale.map((segment) => segment.epoch))
  const epoch = Math.max(minEpoch, last + 1)
  const bytes = epochCodec.encode({ epoch })
  await replaceFile(disk, dir, EPOCH_FILE, [bytes])
  return { epoch, bytes }
}

function epochOf(file: string, bytes: Uint8Array): number {
  try {
    return epochCodec.decode(bytes).epoch
  } catch (error) {
    throw corrupt({ file, seq: 1, found: `no epoch (${(error as Error).message})` })
  }
}

/**
 * Finds where a log ends, after {@link raiseEpoch}, and cuts what a crash left there. Changes nothing when it refuses.
 * Throws `log.corrupt`, `log.rolled-back`, `log.version`.
 */
export async function recover(
  disk: Disk,
  dir: string,
  { key, seen }: OpenOptions,
): Promise<Omit<Head, 'epoch'> & { segments: Segment[] }> {
  const names = await disk.list(dir)
  const { live, stale } = liveSegments(names)
  const last = live.at(-1) && (await scanLast(disk, dir, live.at(-1)!, key))
  const tail = last ? last.nextSeq - 1 : 0
  const witnesses = [seen, await readEndNote(disk, dir), ...snapshotSeqs(names).map(bySnapshot)]
  for (const witness of witnesses) if (witness && witness.seq > tail) throw rolledBack(dir, tail, witness)
  const group = last?.groups.at(-1)?.group ?? (await lastGroupBefore(disk, dir, live))
  if (tail > 0 && !group) throw corrupt({ file: dir, seq: tail, found: 'files are missing' })
  if (key && group && isSigned(group) && !isSignedBy(group, key))
    throw corrupt({ file: dir, seq: group.firstSeq, found: 'a group that another key has signed' })
  for (const segment of stale) await removeIfEmpty(disk, join(dir, segmentName(segment)))
  if (last) await settle(disk, last)
  return { segments: live, tail, hash: group ? groupHash(group) : NO_HASH, cutBytes: last?.cutBytes ?? 0 }
}

const bySnapshot = (seq: number): SeenEntry => ({ seq, by: 'its own snapshot' })

/** What is no longer read but holds something is left for people to look at. */
async function removeIfEmpty(disk: Disk, path: string): Promise<void> {
  if (leftoverBytes(await disk.read(path), 0) === 0) await disk.remove(path)
}

/** The segment that was written to last, and how much of it a crash left unfinished. */
interface LastSegment extends Scan {
  readonly path: string
  readonly cutBytes: number
}

async function scanLast(disk: Disk, dir: string, segment: Segment, key: LogKey | undefined): Promise<LastSegment> {
  const path = join(dir, segmentName(segment))
  const bytes = await disk.read(path)
  const scan = scanGroups(bytes, segment.firstSeq)
  const cutBytes = leftoverBytes(bytes, scan.end)
  if (cutBytes > 0 && isDamage(bytes, scan, key))
    throw corrupt({ file: path, seq: scan.nextSeq, byte: scan.end, found: 'damaged in the middle' })
  return { ...scan, path, cutBytes }
}

/** Cuts what was unfinished, and makes sure of what was found: so far the page cache alone may know of it. */
async function settle(disk: Disk, { path, groups, end, cutBytes }: LastSegment): Promise<void> {
  const file = await disk.open(path, 'keep')
  try {
    if (cutBytes > 0) await file.write(new Uint8Array(cutBytes), end) // lest it follow a group written later
    // After a sync that failed, the system takes the pages for clean and would not write them again by itself.
    const last = groups.at(-1)
    if (last) await file.write(last.group.frame, last.at)
    await file.truncate(end)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Openings that wrote nothing leave empty segments behind; the last group is further back then. */
async function lastGroupBefore(disk: Disk, dir: string, live: readonly Segment[]): Promise<Group | undefined> {
  for (let i = live.length - 2; i >= 0; i--) {
    const groups = await readGroups(disk, join(dir, segmentName(live[i]!)), {
      firstSeq: live[i]!.firstSeq,
      endSeq: live[i + 1]!.firstSeq,
    })
    if (groups.length > 0) return groups.at(-1)!.group
  }
  return undefined
}
