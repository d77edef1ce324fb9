import { join } from 'node:path'
import { z } from 'zod'
import { codec } from '../base/encoding.ts'
import { isAividaError } from '../base/errors.ts'
import { type Disk, replaceFile } from './disk.ts'
import { hasErrno } from './errors.ts'
import type { SeenEntry } from './store.ts'

/**
 * Where a log ended when it was last closed in good order. Damage in the last group looks like a write that a crash cut
 * short, and would be cut; a log never becomes shorter, so the note tells the two apart after every orderly end.
 */
const NOTE_FILE = 'end'

const noteCodec = codec({
  name: 'log end',
  schema: z.object({ seq: z.number().int().nonnegative(), hash: z.string().length(64) }),
})

/** Writes the note durably. */
export async function writeEndNote(
  disk: Disk,
  dir: string,
  end: Pick<Required<SeenEntry>, 'seq' | 'hash'>,
): Promise<void> {
  await replaceFile(disk, dir, NOTE_FILE, [noteCodec.encode(end)])
}

/** Reads the note; a damaged one says nothing. */
export async function readEndNote(disk: Disk, dir: string): Promise<SeenEntry | undefined> {
  try {
    return { ...noteCodec.decode(await disk.read(join(dir, NOTE_FILE))), by: 'its own note of where it ended' }
  } catch (error) {
    if (hasErrno(error, 'ENOENT') || isAividaError(error)) return undefined
    throw error
  }
}
