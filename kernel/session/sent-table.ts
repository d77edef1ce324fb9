import { randomUUID } from 'node:crypto'
import { type RecordBatch, RecordBatchFileWriter, Table, tableToIPC } from 'apache-arrow'
import { userError } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
import { toRowBatch } from '../../runtime/data/tensor/arrow.ts'
import type { NamedTensors } from '../../runtime/data/tensor/index.ts'
import type { Client } from '../../runtime/node/control/client.ts'
import type { DataEntry } from '../../runtime/node/data-shelf/data-entry.ts'
import type { SourceSpec } from '../../runtime/protocol/index.ts'
import { isTable, type Rows, tensorsFrom } from './rows-input.ts'
import { isTensorLike } from './tensor-input.ts'

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
  const { path } = await keptTable(client, table, { name: `notebook-${randomUUID()}`, keepMs: KEEP_MS, signal })
  return { path: path!, format: 'arrow' }
}

/**
 * Has the node keep a table as an Arrow file, which is sent from the table's own memory. Resolves when it is there and its hash
 * is known. Throws `data.*`, `disk.*`, `aborted`.
 */
export function keptTable(
  client: Client,
  table: Table,
  { name, keepMs, signal }: { readonly name: string; readonly keepMs: number; readonly signal: AbortSignal },
): Promise<DataEntry> {
  const request = { name: name.endsWith('.arrow') ? name : `${name}.arrow`, ...(Number.isFinite(keepMs) && { keepMs }) }
  return client.putData(request, RecordBatchFileWriter.writeAll(table.batches as RecordBatch[]), { signal })
}

/** Rows in memory as a table, in the element types that they have. Throws `input.*`. */
export async function tableOfRows(rows: Rows): Promise<Table> {
  if (isTable(rows)) return rows
  if (rows === null || typeof rows !== 'object' || isTensorLike(rows))
    throw userError('input.columns', 'expected columns by name, such as { images, labels }, or an Arrow table')
  const names = Object.keys(Array.isArray(rows) ? rows[0]! : rows)
  return tableOfTensors(
    await tensorsFrom(
      rows,
      names.map((name) => ({ name })),
    ),
  )
}
