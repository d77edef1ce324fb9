import type { DuckDBMaterializedResult } from '@duckdb/node-api'
import duckdb from '@duckdb/node-bindings'
import { aborted, isAividaError, userError } from '../../base/index.ts'
import { rowShape, withRowShape } from '../sources/row-shape.ts'
import type { TensorSpec } from '../sources/signature.ts'
import type { ColumnChoice, Loader, Piece } from '../sources/source.ts'
import type { Tensor } from '../tensor/index.ts'
import { csvDialect } from './csv-dialect.ts'
import { checkReadable } from './readable.ts'
import { quotedText, type SealedDatabase, sealedFile } from './sealed-file.ts'
import { type FileColumn, selection, type TableFormat } from './selection.ts'
import { tableError } from './table-error.ts'
import { type ChunkColumn, vectorRows } from './vector-rows.ts'

/** How a table file is read. */
export interface TableFileInit {
  readonly path: string
  readonly format: TableFormat
  readonly identity: string
  readonly inputs: readonly TensorSpec[]
  readonly columns?: ColumnChoice
}

/**
 * Rows of a Parquet, CSV or JSON file (an array of objects, or one a line), read by a sealed DuckDB as they are taken.
 * Parquet's types must be those of the inputs; CSV and JSON know numbers only, which are cast where no value is lost.
 *
 * Throws `source.malformed`, `source.empty`, `source.column-missing`, `source.dtype`, `source.shape` at once where the
 * schema tells; `source.missing-value`, `source.shape`, `source.dtype`, `source.bad-line`, `source.malformed` when a row
 * is reached.
 */
export async function tableFileLoader(init: TableFileInit): Promise<Loader> {
  const { path, format, inputs } = init
  await checkReadable(path, format)
  const file = await sealedFile(path)
  try {
    const dialect = format === 'csv' ? await csvDialect(path, (sql) => query(file, sql)) : undefined
    const asItIs = dialect?.from() ?? `${READERS[format]}(${quotedText(path)})`
    const columns = await schemaOf(file, asItIs)
    const selected = inputs.map((spec) => ({ spec, ...selection(spec, columns, init) }))
    const from = dialect?.from(agreed(selected.map(({ declared }) => declared))) ?? asItIs
    const rows = await rowsOf(file, from, format)
    if (rows === 0) throw userError('source.empty', `${path} has no rows; give a table with at least one`)
    return {
      format,
      rows: format === 'parquet' ? rows : undefined, // the others would have to be read for it
      identity: init.identity,
      pieces: (fromRow, signal) => pieces(file, { selected, from, path, fromRow, ...(signal && { signal }) }),
      close: async () => file.close(),
    }
  } catch (error) {
    file.close()
    throw tableError(path, error)
  }
}

/** Types that all inputs of a column agree on; another column is read as it seems to be, and cast for each. */
function agreed(declared: readonly ReadonlyMap<string, string>[]): ReadonlyMap<string, string> {
  const all = declared.flatMap((types) => [...types])
  return new Map(all.filter(([name, type]) => all.every(([other, found]) => other !== name || found === type)))
}

const READERS = { parquet: 'read_parquet', csv: 'read_csv', json: 'read_json' } as const satisfies Record<
  TableFormat,
  string
>

async function schemaOf(file: SealedDatabase, from: string): Promise<FileColumn[]> {
  const result = await query(file, `SELECT * FROM ${from} LIMIT 0`)
  return result.columnNames().map((name, i) => ({ name, type: result.columnType(i) }))
}

/** How many rows a Parquet file has; of the others 1 when there is any. */
async function rowsOf(file: SealedDatabase, from: string, format: TableFormat): Promise<number> {
  const counted = format === 'parquet' ? from : `(SELECT 1 FROM ${from} LIMIT 1)`
  const [[rows] = []] = await (await query(file, `SELECT count(*) FROM ${counted}`)).getRows()
  return Number(rows)
}

async function query(file: SealedDatabase, sql: string): Promise<DuckDBMaterializedResult> {
  const connection = await file.connect()
  try {
    return await connection.run(sql)
  } finally {
    connection.closeSync()
  }
}

interface PiecesInit {
  readonly selected: readonly { readonly spec: TensorSpec; readonly sql: string }[]
  readonly from: string
  readonly path: string
  readonly fromRow: number
  readonly signal?: AbortSignal
}

async function* pieces(file: SealedDatabase, init: PiecesInit): AsyncGenerator<Piece> {
  const { selected, from, path, signal } = init
  const list = selected.map(({ sql }, i) => `${sql} AS c${i}`).join(', ')
  const connection = await file.connect()
  try {
    const result = await connection.stream(`SELECT ${list} FROM ${from} OFFSET ${init.fromRow}`)
    for (let firstRow = init.fromRow; ; ) {
      if (signal?.aborted) throw aborted()
      const chunk = await result.fetchChunk()
      if (!chunk || chunk.rowCount === 0) return
      const rows = chunk.rowCount
      const columns = selected.map(({ spec }, i) => {
        const vector = duckdb.data_chunk_get_vector(chunk.chunk, i)
        return { spec, column: { name: spec.name, type: result.columnType(i), vector, rows, firstRow } }
      })
      yield* alike(columns, rows, path)
      firstRow += rows
    }
  } catch (error) {
    throw tableError(path, error)
  } finally {
    connection.closeSync()
  }
}

/** A chunk as one piece or, where its lists differ in length, row by row. */
function* alike(columns: readonly InputColumn[], rows: number, path: string): Generator<Piece> {
  const piece = (from: number, to: number): Piece => ({
    rows: to - from,
    tensors: Object.fromEntries(columns.map((each) => [each.spec.name, inputRows(each, from, to, path)])),
  })
  let whole: Piece
  try {
    whole = piece(0, rows)
  } catch (error) {
    if (!isAividaError(error, 'source.shape')) throw error
    for (let row = 0; row < rows; row++) yield piece(row, row + 1)
    return
  }
  yield whole
}

interface InputColumn {
  readonly spec: TensorSpec
  readonly column: ChunkColumn
}

function inputRows({ spec, column }: InputColumn, from: number, to: number, path: string): Tensor {
  const tensor = vectorRows(column, from, to)
  const where = `row ${column.firstRow + from} of ${path}`
  return { ...withRowShape(tensor, rowShape(spec, tensor.shape.slice(1), where)), dtype: spec.dtype }
}
