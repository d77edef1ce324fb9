import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RecordBatch, RecordBatchFileWriter, Table, tableToIPC } from 'apache-arrow'
import { sha256 } from '../../runtime/base/hash.ts'
import { limit } from '../../runtime/base/limits.ts'
import { toRowBatch } from '../../runtime/data/tensor/arrow.ts'
import type { NamedTensors } from '../../runtime/data/tensor/index.ts'
import type { Client } from '../../runtime/node/control/client.ts'
import type { SourceSpec } from '../../runtime/protocol/index.ts'
import { arrived } from './data-arrival.ts'
import { writeWhole } from './whole-file.ts'

/** How long the node keeps rows that were in the memory of a notebook, where they are too large for an upload. Ms. */
const KEEP_MS = 7 * 86_400_000

/** Rows as a table that shares their memory. */
export function tableOfTensors(tensors: NamedTensors): Table {
  return new Table([toRowBatch(tensors)])
}

/**
 * Gives the node a table to read for jobs: one of up to the limit `requestBytes` as an upload, a larger one as a file of its
 * data shelf that is kept for a week. Throws `data.full`, `disk.full`, `aborted`.
 */
export async function sentTable(client: Client, table: Table, signal: AbortSignal): Promise<SourceSpec> {
  const sizeBytes = table.data.reduce((sum, { byteLength }) => sum + byteLength, 0)
  if (sizeBytes < limit('requestBytes') / 2) {
    const bytes = tableToIPC(table, 'stream')
    if (bytes.byteLength <= limit('requestBytes')) return client.upload(bytes, { signal })
  }
  const folder = await mkdtemp(join(tmpdir(), 'aivida-rows-'))
  try {
    const file = await writeWhole(
      join(folder, 'rows.arrow'),
      RecordBatchFileWriter.writeAll(table.batches as RecordBatch[]),
    )
    const name = `notebook-${sha256(Buffer.from(folder)).slice(0, 16)}.arrow`
    const entry = await arrived(
      client,
      await client.addData({ source: file, name, keepMs: KEEP_MS }, { signal }),
      signal,
    )
    return { path: entry.path!, format: 'arrow' }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
