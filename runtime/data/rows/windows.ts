import { canonicalBytes, sha256All, userError } from '../../base/index.ts'
import { checkTensor, elementCount, type Tensor } from '../tensor/index.ts'
import { copyRows } from './copy-rows.ts'
import { checkRows, columnBytes, type RowTable, targetFor } from './row-table.ts'

/** How a sequence is cut into rows. */
export interface WindowsInit {
  /** What the one column is called. Default: `tokens`. */
  readonly name?: string
  /** Elements of a row: a context of T and the element after it are T + 1. */
  readonly size: number
  /** Elements from the beginning of one row to that of the next. Default: 1, each place of the sequence begins a row. */
  readonly stride?: number
  /** What each number of the sequence stands for. Default: numbers stand for themselves. */
  readonly symbols?: readonly string[]
}

/**
 * Windows of a sequence, such as the characters of a book, as rows of a table: row i is elements `i * stride` to
 * `i * stride + size`. They overlap in memory, so a million of them take no more than the sequence.
 * `sequence: dtype[n]`, n >= size. Throws `rows.window`.
 */
export function windowsOf(sequence: Tensor, { name = 'tokens', size, stride = 1, symbols }: WindowsInit): RowTable {
  checkTensor(sequence, name)
  const { dtype, shape, data } = sequence
  const elements = elementCount(shape)
  if (shape.length !== 1 || dtype === 'string' || !isCount(size) || !isCount(stride) || size > elements)
    throw userError(
      'rows.window',
      `windows of ${size} elements, ${stride} apart, need a sequence of at least ${size} numbers, found ${dtype}[${shape}]`,
      { size, stride, shape },
    )
  const column = { name, dtype, shape: [size], ...(symbols && { symbols }) }
  const [length, rowBytes] = [Math.floor((elements - size) / stride) + 1, columnBytes(column)]
  const place = { bytes: data, at: 0, strideBytes: (stride * rowBytes) / size }
  return {
    columns: [column],
    length,
    storedBytes: data.byteLength,
    identity: sha256All([canonicalBytes(['windows', name, dtype, size, stride]), data]),
    async gather(rows, into) {
      checkRows(rows, length)
      const gathered = targetFor([column], rows.length, into)
      copyRows(place, rowBytes, rows, gathered[name]!.data)
      return gathered
    },
    close: async () => {},
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1
}
