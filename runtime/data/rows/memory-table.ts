import { canonicalBytes, sha256All } from '../../base/index.ts'
import { checkTensors, commonRowCount, type NamedTensors } from '../tensor/index.ts'
import { copyRows } from './copy-rows.ts'
import { checkColumns, checkRows, columnBytes, type RowColumn, type RowTable, targetFor } from './row-table.ts'

/** What more is known of tensors that become a table. */
export interface MemoryTableInit {
  /** By column. */
  readonly symbols?: Readonly<Record<string, readonly string[]>>
  /** Default: the SHA-256 of names, types, shapes and bytes. */
  readonly identity?: string
}

/**
 * Tensors in memory, whose axis 0 is the rows, as a table over the same memory.
 * Throws `rows.columns`, and what `checkTensors` and `commonRowCount` throw.
 */
export function memoryTable(tensors: NamedTensors, init: MemoryTableInit = {}): RowTable {
  checkTensors(tensors)
  const columns = Object.entries(tensors).map(([name, { dtype, shape }]): RowColumn => {
    const symbols = init.symbols?.[name]
    return { name, dtype, shape: shape.slice(1), ...(symbols && { symbols }) }
  })
  checkColumns(columns)
  const length = commonRowCount(tensors)
  return {
    columns,
    length,
    storedBytes: Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0),
    identity:
      init.identity ??
      tableIdentity(
        columns,
        Object.values(tensors).map(({ data }) => data),
      ),
    async gather(rows, into) {
      checkRows(rows, length)
      const gathered = targetFor(columns, rows.length, into)
      for (const column of columns) {
        const rowBytes = columnBytes(column)
        const place = { bytes: tensors[column.name]!.data, at: 0, strideBytes: rowBytes }
        copyRows(place, rowBytes, rows, gathered[column.name]!.data)
      }
      return gathered
    },
    close: async () => {},
  }
}

/** SHA-256 over columns and what they hold. */
export function tableIdentity(columns: readonly RowColumn[], pieces: Iterable<Uint8Array>): string {
  return sha256All([canonicalBytes(columns.map(({ name, dtype, shape }) => [name, dtype, shape])), ...pieces])
}
