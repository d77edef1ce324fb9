import { userError } from '../../base/index.ts'
import { interleaved, type RowColumn, rowFileHeader } from '../rows/index.ts'
import type { Batch, Source } from './source.ts'

/**
 * A source as the bytes of a row file, in pieces: what makes rows that only stream - Arrow, Parquet, CSV, JSON, images -
 * a table to train from, of any size. A text source is read twice, since a row file begins with the number of its rows.
 * Throws `source.shape` for rows that differ in shape, `source.changed`, `rows.columns`, and what the source throws.
 */
export async function* encodeSource(source: Source, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const rows = source.rows ?? (await countRows(source, signal))
  let columns: RowColumn[] | undefined
  let found = 0
  for await (const batch of source.batches(0, signal)) {
    if (!columns) {
      columns = columnsOf(batch)
      yield rowFileHeader(columns, rows)
    }
    checkShapes(columns, batch)
    found += batch.rows
    yield interleaved(columns, batch.tensors, batch.rows)
  }
  if (found !== rows)
    throw userError(
      'source.changed',
      `${rows} rows were announced and ${found} came: the data changed meanwhile; repeat`,
    )
}

async function countRows(source: Source, signal?: AbortSignal): Promise<number> {
  let rows = 0
  for await (const batch of source.batches(0, signal)) rows += batch.rows
  return rows
}

function columnsOf({ tensors }: Batch): RowColumn[] {
  return Object.entries(tensors).map(([name, { dtype, shape }]) => ({ name, dtype, shape: shape.slice(1) }))
}

function checkShapes(columns: readonly RowColumn[], { firstRow, tensors }: Batch): void {
  for (const { name, shape } of columns) {
    const found = tensors[name]!.shape.slice(1)
    if (`${found}` !== `${shape}`)
      throw userError(
        'source.shape',
        `row ${firstRow} of ${name} has the shape [${found}], those before it [${shape}]; rows of a table need one: pad them`,
        { input: name, row: firstRow },
      )
  }
}
