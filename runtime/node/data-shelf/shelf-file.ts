import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { z } from 'zod'
import { limit } from '../../base/index.ts'
import { replaceFile, systemDisk } from '../../log/disk.ts'
import { countSchema, digestSchema } from '../../protocol/index.ts'
import { dataNameSchema } from './data-entry.ts'

const recordSchema = z.object({
  name: dataNameSchema,
  source: z.string(),
  /** What tells it from another source of the same appearance. Default: its appearance. */
  key: z.string().optional(),
  blob: digestSchema,
  sizeBytes: countSchema,
  addedWallMs: countSchema,
  untilWallMs: countSchema.optional(),
})
const shelfSchema = z.object({ v: z.literal(1), data: z.array(recordSchema).max(limit('dataKept')) })

/** Data that a node keeps, as it is remembered over a restart. */
export type DataRecord = z.infer<typeof recordSchema>

/** What an earlier run kept; nothing when its list is missing or damaged, since the blobs are then only pins. */
export async function readShelf(file: string): Promise<DataRecord[]> {
  try {
    return shelfSchema.parse(JSON.parse(await readFile(file, 'utf8'))).data
  } catch {
    return []
  }
}

/** Replaces the list, durably, whole or not at all. */
export async function writeShelf(file: string, data: readonly DataRecord[]): Promise<void> {
  const content = JSON.stringify({ v: 1, data })
  await replaceFile(systemDisk, dirname(file), basename(file), [Buffer.from(content)])
}
