import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { encodeRows, type RowTable } from '../rows/index.ts'
import type { Source } from './source.ts'
import { encodeSource } from './source-rows.ts'

/**
 * Writes rows to a row file, which training takes by its path: a table, or a source - so that Parquet, CSV, JSON, Arrow
 * and folders of images of any size can be trained on. The file is there whole or not at all. Throws what
 * {@link encodeSource} throws, and errors of the disk.
 */
export async function writeRows(path: string, rows: RowTable | Source, signal?: AbortSignal): Promise<void> {
  const partial = `${path}.part`
  const pieces = 'gather' in rows ? encodeRows(rows, signal) : encodeSource(rows, signal)
  try {
    await pipeline(Readable.from(pieces, { objectMode: false }), createWriteStream(partial))
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}
