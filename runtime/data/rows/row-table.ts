import { limit, userError } from '../../base/index.ts'
import { DTYPES, type DType, elementCount, type NamedTensors, type Tensor } from '../tensor/index.ts'

/** One named column of a {@link RowTable}: every row of it has this element type and shape. */
export interface RowColumn {
  readonly name: string
  /** Not `string`: rows of any length have no place that follows from their number. */
  readonly dtype: DType
  /** Of one row; `[]` for one element a row. */
  readonly shape: readonly number[]
  /** What the integers of the column stand for, by number: names of classes, characters of an alphabet. */
  readonly symbols?: readonly string[]
}

/**
 * Rows that can be had in any order, which is what training needs of data: a batch is `gather` of the rows that
 * {@link ./epoch-order.ts} names. In memory, over a file, or over a blob of which only what is gathered comes here.
 */
export interface RowTable {
  readonly columns: readonly RowColumn[]
  /** Rows in all. */
  readonly length: number
  /** Bytes that the rows lie in: what decides how far {@link ./epoch-order.ts} shuffles. */
  readonly storedBytes: number
  /** A SHA-256 that names what the rows are, the same on every machine: other rows, another identity. */
  readonly identity: string
  /**
   * The rows of these numbers, in this order: a tensor of `[rows, ...shape]` for each column. Copied into the memory of
   * `into` (see {@link roomFor}; at least as many rows) or, without it, into memory of its own. A row may be asked for
   * more than once. Throws `rows.range`, `rows.room`, and what reading the place where they lie throws.
   */
  gather(rows: ArrayLike<number>, into?: NamedTensors): Promise<NamedTensors>
  /** Lets go of what it reads from. */
  close(): Promise<void>
}

/** Bytes of one row of a column. */
export function columnBytes({ dtype, shape }: Pick<RowColumn, 'dtype' | 'shape'>): number {
  return DTYPES[dtype] * elementCount(shape)
}

/** Memory for up to `rows` rows, to be given to {@link RowTable.gather} again and again. Zeros. */
export function roomFor(columns: readonly RowColumn[], rows: number): NamedTensors {
  const tensors = columns.map(({ name, dtype, shape }): [string, Tensor] => {
    const data = new Uint8Array(rows * columnBytes({ dtype, shape })) // a buffer of its own: begins where engines like it
    return [name, { dtype, shape: [rows, ...shape], data }]
  })
  return Object.fromEntries(tensors)
}

/** The first `rows` rows of `into` for each column, or new memory. Throws `rows.room` when it does not fit. */
export function targetFor(columns: readonly RowColumn[], rows: number, into?: NamedTensors): NamedTensors {
  if (!into) return roomFor(columns, rows)
  const tensors = columns.map((column): [string, Tensor] => {
    const room = Object.hasOwn(into, column.name) ? into[column.name] : undefined
    const bytes = rows * columnBytes(column)
    if (room?.dtype !== column.dtype || room.data.byteLength < bytes)
      throw userError(
        'rows.room',
        `expected room for ${rows} rows of ${column.name}: ${column.dtype}[${column.shape}], found ` +
          `${room ? `${room.dtype}, ${room.data.byteLength} bytes` : 'none'}; make it by roomFor(table.columns, rows)`,
        { column: column.name, rows },
      )
    const { dtype, shape } = column
    return [column.name, { dtype, shape: [rows, ...shape], data: room.data.subarray(0, bytes) }]
  })
  return Object.fromEntries(tensors)
}

/** Refuses row numbers that a table does not have. Throws `rows.range`. */
export function checkRows(rows: ArrayLike<number>, length: number): void {
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!
    if (!(row >= 0 && row < length && Number.isInteger(row)))
      throw userError('rows.range', `row ${row} of a table of ${length}; expected a whole number from 0`, {
        row,
        length,
      })
  }
}

/** Refuses columns that no row can have. Throws `rows.columns`. */
export function checkColumns(columns: readonly RowColumn[]): void {
  const names = new Set(columns.map(({ name }) => name))
  const text = columns.find(({ dtype }) => dtype === 'string')
  if (columns.length === 0 || names.size < columns.length)
    throw userError('rows.columns', `expected columns of different names, found [${columns.map(({ name }) => name)}]`)
  const odd = columns.find((column) => column.dtype !== 'string' && !isRowSize(columnBytes(column)))
  if (odd) throw userError('rows.columns', `${odd.name}: no row has the shape [${odd.shape}]; expected some elements`)
  if (text)
    throw userError('rows.columns', `${text.name} holds strings, whose rows differ in length; number them, pad them`, {
      column: text.name,
    })
}

function isRowSize(bytes: number): boolean {
  return bytes > 0 && bytes <= limit('blobBytes')
}
