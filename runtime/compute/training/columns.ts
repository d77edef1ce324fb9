import { userError } from '../../base/index.ts'
import type { RowColumn, RowTable } from '../../data/rows/index.ts'
import { typedArrayOf } from '../../data/tensor/index.ts'
import type { DType } from '../../data/tensor/tensor.ts'
import type { RowRange } from '../../protocol/index.ts'

/** What a graph takes of each row. */
export interface WantedColumn {
  readonly name: string
  readonly dtype: DType
  /** Of one row; a string is any size. `undefined`: any shape. */
  readonly shape: readonly (number | string)[] | undefined
}

/** Whether a table has what a graph takes. Throws `train.columns`, naming what each has. */
export function checkColumns(wanted: readonly WantedColumn[], table: Pick<RowTable, 'columns'>): void {
  const columns = new Map(table.columns.map((column) => [column.name, column]))
  for (const { name, dtype, shape } of wanted) {
    const column = columns.get(name)
    if (column?.dtype === dtype && fits(shape, column)) continue
    const has = column
      ? `${column.dtype} [${column.shape}]`
      : `no such column, but ${[...columns.keys()].slice(0, 8).join(', ')}`
    throw userError(
      'train.columns',
      `the graph takes ${name} as ${dtype} [${shape ?? 'any'}] of each row; the rows have ${has}; rename or convert the column`,
      { column: name },
    )
  }
}

/** Rows that are looked over at once. */
const ROWS = 8_192

/** Whether labels and other symbols are in their range. Throws `train.label-range`, naming the row and what it holds. */
export async function checkSymbols(
  table: RowTable,
  { firstRow, rows }: Pick<RowRange, 'firstRow' | 'rows'>,
  bounded: readonly { readonly name: string; readonly below: number }[],
): Promise<void> {
  if (bounded.length === 0) return
  for (let at = firstRow; at < firstRow + rows; at += ROWS) {
    const count = Math.min(ROWS, firstRow + rows - at)
    const gathered = await table.gather(Float64Array.from({ length: count }, (_, i) => at + i))
    for (const { name, below } of bounded) {
      const values = typedArrayOf(gathered[name]!) as ArrayLike<number | bigint>
      for (let i = 0; i < values.length; i++) {
        const value = Number(values[i])
        if (value >= 0 && value < below) continue
        const row = at + Math.floor(i / (values.length / count))
        throw userError(
          'train.label-range',
          `row ${row} holds ${value} as ${name}, which the graph takes from 0 to ${below - 1}; mend the row, or build the step for more classes`,
          { row, column: name, value },
        )
      }
    }
  }
}

function fits(shape: WantedColumn['shape'], column: RowColumn): boolean {
  return (
    !shape ||
    (shape.length === column.shape.length &&
      shape.every((dim, i) => typeof dim === 'string' || dim === column.shape[i]))
  )
}
