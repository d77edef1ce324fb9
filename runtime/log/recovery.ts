import { join } from 'node:path'
import { z } from 'zod'
import { codec } from '../base/encoding.ts'
import { type Disk, replaceFile, TEMPORARY } from './disk.ts'
import { corrupt } from './errors.ts'
import { groupHash, NO_HASH } from './frame.ts'
import { isDamage, leftoverBytes, liveSegments, readGroups, type Segment, scanGroups, segmentName } from './segment.ts'
import { snapshotSeqs } from './snapshot-file.ts'
import type { Group, Head } from './store.ts'

/** The file that says who may write; every opening replaces it. */
export const EPOCH_FILE = 'epoch'

const epochCodec = codec({ name: 'log epoch', schema: z.object({ epoch: z.number().int().positive() }) })

/** Raises the epoch durably: from here on every older writer finds itself fenced before it acknowledges anything. */
export async function raiseEpoch(disk: Disk, dir: string): Promise<{ epoch: number; bytes: Uint8Array }> {
  const names = await disk.list(dir)
  for (const name of names) if (name.endsWith(TEMPORARY)) await disk.remove(join(dir, name))
  const path = join(dir, EPOCH_FILE)
  const stored = names.includes(EPOCH_FILE) ? epochCodec.decode(await disk.read(path)).epoch : 0
  const { live, stale } = liveSegments(names)
  const epoch = 1 + Math.max(stored, ...live.map((segment) => segment.epoch), ...stale.map((segment) => segment.epoch))
  const bytes = epochCodec.encode({ epoch })
  await replaceFile(disk, dir, EPOCH_FILE, [bytes])
  return { epoch, bytes }
}

/** Finds where a log ends, after {@link raiseEpoch}, and cuts what a crash left there. Throws `log.corrupt`. */
export async function recover(disk: Disk, dir: string): Promise<Omit<Head, 'epoch'> & { segments: Segment[] }> {
  const names = await disk.list(dir)
  const { live, stale } = liveSegments(names)
  for (const segment of stale) await removeIfEmpty(disk, join(dir, segmentName(segment)))
  const last = live.at(-1)
  const { tail, group, cutBytes } = last
    ? await recoverLast(disk, dir, last)
    : { tail: 0, group: undefined, cutBytes: 0 }
  const lastGroup = group ?? (await lastGroupBefore(disk, dir, live))
  const acknowledged = Math.max(tail, ...snapshotSeqs(names))
  if (acknowledged > tail || (tail > 0 && !lastGroup))
    throw corrupt(dir, acknowledged, `the log ends with entry ${lastGroup ? tail : 0}, files are missing`)
  return { segments: live, tail, hash: lastGroup ? groupHash(lastGroup) : NO_HASH, cutBytes }
}

/** What is no longer read but holds something is left for people to look at. */
async function removeIfEmpty(disk: Disk, path: string): Promise<void> {
  if (leftoverBytes(await disk.read(path), 0) === 0) await disk.remove(path)
}

async function recoverLast(disk: Disk, dir: string, segment: Segment) {
  const path = join(dir, segmentName(segment))
  const bytes = await disk.read(path)
  const scan = scanGroups(bytes, segment.firstSeq)
  const cutBytes = leftoverBytes(bytes, scan.end)
  if (cutBytes > 0 && isDamage(bytes, scan))
    throw corrupt(path, scan.nextSeq, `damaged in the middle (byte ${scan.end})`)
  const file = await disk.open(path, 'keep')
  try {
    if (cutBytes > 0) await file.write(new Uint8Array(cutBytes), scan.end) // lest it follow a group written later
    await file.sync() // in any case: what was found may so far be known to the page cache alone
  } finally {
    await file.close()
  }
  return { tail: scan.nextSeq - 1, group: scan.groups.at(-1)?.group, cutBytes }
}

/** Openings that wrote nothing leave empty segments behind; the last group is further back then. */
async function lastGroupBefore(disk: Disk, dir: string, live: readonly Segment[]): Promise<Group | undefined> {
  for (let i = live.length - 2; i >= 0; i--) {
    const groups = await readGroups(disk, join(dir, segmentName(live[i]!)), live[i]!.firstSeq, live[i + 1]!.firstSeq)
    if (groups.length > 0) return groups.at(-1)!.group
  }
  return undefined
}
