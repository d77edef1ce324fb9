import { z } from 'zod'
import { type AividaError, aborted, codec, isAividaError, limit, userError } from '../../base/index.ts'
import type { ByteSource } from '../sources/byte-source.ts'
import { DTYPES, type DType, type NamedTensors } from '../tensor/index.ts'
import { checkColumns, columnBytes, type RowColumn, type RowTable, roomFor } from './row-table.ts'

/**
 * A table as bytes, as it lies on disk and travels as a blob:
 *
 *     'AvRw' | u32 header length | header | zeros up to a multiple of 64 | rows
 *
 * A row is its columns one after the other in the order of the header, little-endian, without gaps: row i begins at
 * `firstRowAt + i * rowBytes`, so that who wants some rows needs only the chunks of the blob that they lie in.
 */
export const rowFileCodec = codec({
  name: 'row file',
  maxBytes: limit('rowHeaderBytes'),
  schema: z.object({
    rows: z.number().int().nonnegative(),
    columns: z
      .array(
        z.object({
          name: z.string().min(1).max(limit('tensorNameCharacters')),
          dtype: z.enum(Object.keys(DTYPES) as [DType, ...DType[]]),
          shape: z.array(z.number().int().nonnegative()).max(limit('tensorRank')),
          symbols: z.array(z.string()).optional(),
        }),
      )
      .max(limit('tensorsPerMessage')),
  }),
})

/** What the header of a row file says, and where the rows are. */
export interface RowLayout {
  readonly columns: readonly RowColumn[]
  readonly rows: number
  readonly rowBytes: number
  readonly firstRowAt: number
}

const MAGIC = Buffer.from('AvRw')
const PREFIX_BYTES = 8
const ALIGNMENT_BYTES = 64

/** A table as the bytes of a row file, in pieces of about a chunk: what a blob store or a file is filled with. */
export async function* encodeRows(table: RowTable, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const { columns, length } = table
  yield rowFileHeader(columns, length)
  const step = Math.max(1, Math.floor(limit('chunkBytes') / bytesOfRow(columns)))
  const room = roomFor(columns, Math.min(step, length))
  for (let from = 0; from < length; from += step) {
    if (signal?.aborted) throw aborted()
    const count = Math.min(step, length - from)
    const gathered = await table.gather(
      Float64Array.from({ length: count }, (_, i) => from + i),
      room,
    )
    yield interleaved(columns, gathered, count)
  }
}

/** `rows` rows of some tensors as they lie in a row file. */
export function interleaved(columns: readonly RowColumn[], tensors: NamedTensors, rows: number): Uint8Array {
  const rowBytes = bytesOfRow(columns)
  const bytes = Buffer.allocUnsafeSlow(rows * rowBytes)
  let offset = 0
  for (const column of columns) {
    const size = columnBytes(column)
    const { data } = tensors[column.name]!
    for (let i = 0; i < rows; i++) bytes.set(data.subarray(i * size, (i + 1) * size), i * rowBytes + offset)
    offset += size
  }
  return bytes
}

/** Whether bytes begin as a row file does: told from the first four, so that no name has to say it. */
export function isRowFile(head: Uint8Array): boolean {
  return MAGIC.equals(head.subarray(0, MAGIC.length))
}

/** Reads the header of a row file. Throws `rows.malformed`. */
export async function readLayout(bytes: ByteSource): Promise<RowLayout> {
  const prefix = Buffer.from(await bytes.read(0, PREFIX_BYTES))
  if (prefix.byteLength < PREFIX_BYTES || !isRowFile(prefix))
    throw malformed(bytes.name, 'expected a row file, found other bytes at its beginning')
  const headerBytes = prefix.readUInt32LE(MAGIC.length)
  if (headerBytes > limit('rowHeaderBytes'))
    throw malformed(bytes.name, `its header claims ${headerBytes} bytes, at most ${limit('rowHeaderBytes')} are read`)
  const { rows, columns } = decoded(bytes.name, await bytes.read(PREFIX_BYTES, headerBytes))
  const rowBytes = bytesOfRow(columns)
  const firstRowAt = paddedBytes(PREFIX_BYTES + headerBytes)
  const expected = firstRowAt + rows * rowBytes
  if (bytes.sizeBytes !== expected)
    throw malformed(bytes.name, `${rows} rows of ${rowBytes} bytes make ${expected} bytes, found ${bytes.sizeBytes}`)
  return { columns, rows, rowBytes, firstRowAt }
}

function decoded(name: string, header: Uint8Array): { rows: number; columns: readonly RowColumn[] } {
  try {
    const { rows, columns } = rowFileCodec.decode(header)
    const plain = columns.map(({ symbols, ...column }): RowColumn => ({ ...column, ...(symbols && { symbols }) }))
    checkColumns(plain)
    return { rows, columns: plain }
  } catch (error) {
    throw isAividaError(error) ? malformed(name, error.message) : error
  }
}

/** What a row file begins with. Throws `rows.columns`. */
export function rowFileHeader(columns: readonly RowColumn[], rows: number): Uint8Array {
  checkColumns(columns)
  const encoded = rowFileCodec.encode({
    rows,
    columns: columns.map(({ name, dtype, shape, symbols }) => ({
      name,
      dtype,
      shape: [...shape],
      ...(symbols && { symbols: [...symbols] }),
    })),
  })
  if (encoded.byteLength > limit('rowHeaderBytes'))
    throw userError(
      'rows.columns',
      `names and symbols of the columns take ${encoded.byteLength} bytes, at most ${limit('rowHeaderBytes')} fit`,
    )
  const bytes = Buffer.alloc(paddedBytes(PREFIX_BYTES + encoded.byteLength))
  bytes.set(MAGIC)
  bytes.writeUInt32LE(encoded.byteLength, MAGIC.length)
  bytes.set(encoded, PREFIX_BYTES)
  return bytes
}

function bytesOfRow(columns: readonly RowColumn[]): number {
  return columns.reduce((sum, column) => sum + columnBytes(column), 0)
}

function paddedBytes(size: number): number {
  return Math.ceil(size / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
}

function malformed(name: string, why: string): AividaError {
  return userError('rows.malformed', `${name} can't be read as a table: ${why}; write it, or fetch it, again`, { name })
}
