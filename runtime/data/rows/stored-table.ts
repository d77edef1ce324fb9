import { limit, userError } from '../../base/index.ts'
import type { ByteSource } from '../sources/byte-source.ts'
import type { NamedTensors } from '../tensor/index.ts'
import { PageCache } from './page-cache.ts'
import { readLayout } from './row-file.ts'
import { checkRows, columnBytes, type RowColumn, type RowTable, targetFor } from './row-table.ts'

/** How a stored table is opened. */
export interface StoredTableInit {
  /** The root of the blob that it is, or what else tells its content from another. */
  readonly identity: string
  /** Memory for what was read. Default: the limit `rowCacheBytes`, which holds two windows of an epoch. */
  readonly cacheBytes?: number
}

/**
 * A row file as a table that need not fit into memory: rows are read in pages as large, and cut, as the chunks of a
 * blob; the pages used last stay. Takes `bytes` over: closing the table closes them. Throws `rows.malformed`, having
 * closed them; its `gather` what reading the bytes throws.
 */
export async function storedTable(bytes: ByteSource, init: StoredTableInit): Promise<RowTable> {
  const {
    columns,
    rows: length,
    rowBytes,
    firstRowAt,
  } = await readLayout(bytes).catch(async (error) => {
    await bytes.close()
    throw error
  })
  const pageBytes = limit('chunkBytes')
  const cache = new PageCache(bytes, pageBytes, Math.floor((init.cacheBytes ?? limit('rowCacheBytes')) / pageBytes))
  const fields = fieldsOf(columns)

  /** Copies what a page has of a row to its place in a batch. */
  function copy(page: Uint8Array, pageAt: number, row: number, target: NamedTensors, place: number): void {
    const rowAt = firstRowAt + row * rowBytes
    for (const { name, offset, size } of fields) {
      const from = Math.max(rowAt + offset, pageAt)
      const to = Math.min(rowAt + offset + size, pageAt + page.byteLength)
      if (from < to)
        target[name]!.data.set(page.subarray(from - pageAt, to - pageAt), place * size + from - rowAt - offset)
    }
  }

  return {
    columns,
    length,
    storedBytes: length * rowBytes,
    identity: init.identity,
    async gather(rows, into) {
      checkRows(rows, length)
      const gathered = targetFor(columns, rows.length, into)
      const waiting = placesByPage(rows, firstRowAt, rowBytes, pageBytes).entries()
      const work = async () => {
        for (const [index, places] of waiting) {
          const page = await cache.page(index)
          const [pageAt, expected] = [index * pageBytes, Math.min(pageBytes, bytes.sizeBytes - index * pageBytes)]
          if (page.byteLength < expected) throw cutOff(bytes.name, pageAt, page.byteLength, expected)
          for (const place of places) copy(page, pageAt, rows[place]!, gathered, place)
        }
      }
      await Promise.all(Array.from({ length: limit('rowPagesAtOnce') }, work))
      return gathered
    },
    close: () => bytes.close(),
  }
}

/** The places of a batch that need each page, in the order of the pages: a disk or a provider is read forwards. */
function placesByPage(
  rows: ArrayLike<number>,
  firstRowAt: number,
  rowBytes: number,
  pageBytes: number,
): Map<number, number[]> {
  const places = new Map<number, number[]>()
  for (let place = 0; place < rows.length; place++) {
    const at = firstRowAt + rows[place]! * rowBytes
    for (let page = Math.floor(at / pageBytes); page * pageBytes < at + rowBytes; page++) {
      const found = places.get(page)
      if (found) found.push(place)
      else places.set(page, [place])
    }
  }
  return new Map([...places].sort(([a], [b]) => a - b))
}

/** Where each column lies in a row. */
function fieldsOf(columns: readonly RowColumn[]): { name: string; offset: number; size: number }[] {
  let end = 0
  return columns.map((column) => {
    const size = columnBytes(column)
    end += size
    return { name: column.name, offset: end - size, size }
  })
}

function cutOff(name: string, at: number, found: number, expected: number): Error {
  return userError(
    'rows.malformed',
    `${name} was cut off while it was read: ${found} bytes at byte ${at}, expected ${expected}; write it again`,
    { name },
  )
}
