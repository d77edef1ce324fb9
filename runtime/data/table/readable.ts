import { type AividaError, userError } from '../../base/index.ts'
import { openBytes } from '../sources/byte-source.ts'
import { malformed } from '../sources/refusals.ts'
import type { TableFormat } from './selection.ts'

/**
 * Refuses what DuckDB would take for something else: a name that is a pattern to it, and a JSON array that ends behind a
 * comma, which it takes for whole. Throws `source.format`, `source.malformed`, `source.not-found`.
 */
export async function checkReadable(path: string, format: TableFormat): Promise<void> {
  if (/[*?[\]]/.test(path)) throw patternName(path)
  if (format !== 'json') return
  const bytes = await openBytes(path)
  try {
    const text = (piece: Uint8Array) => Buffer.from(piece).toString('latin1').trim()
    const start = text(await bytes.read(0, LOOKED_AT_BYTES)).replace(BYTE_ORDER_MARK, '')
    const end = text(await bytes.read(Math.max(0, bytes.sizeBytes - LOOKED_AT_BYTES), LOOKED_AT_BYTES))
    if (start.startsWith('[') && !end.endsWith(']'))
      throw malformed(path, 'it is cut off: an array of JSON ends with ]')
  } finally {
    await bytes.close()
  }
}

/** More white space than anybody writes around a value. */
const LOOKED_AT_BYTES = 4096
const BYTE_ORDER_MARK = /^\xef\xbb\xbf/

function patternName(path: string): AividaError {
  return userError(
    'source.format',
    `${path}: a table file is read by DuckDB, which takes * ? [ ] in a path for a pattern; rename it, or its folder`,
    { path },
  )
}
