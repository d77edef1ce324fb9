import { type Data, DataType, type Field, Precision } from 'apache-arrow'
import { userError } from '../../base/index.ts'
import { type DType, elementCount, type Tensor } from '../tensor/index.ts'
import { missingValue } from './refusals.ts'

/** What the rows of an Arrow column are, as far as its type tells. */
export interface ColumnType {
  /** `undefined`: elements that no tensor holds (dates, decimals, structs). */
  readonly dtype: DType | undefined
  /** Shape of a row; `undefined` when lists of any length make it up, and it is known row by row. */
  readonly rowShape: readonly number[] | undefined
}

/**
 * The type of a column: a primitive, a FixedSizeList or a List of primitives, nested or not, and Arrow's
 * `fixed_shape_tensor` (https://arrow.apache.org/docs/format/CanonicalExtensions.html#fixed-shape-tensor).
 */
export function columnType(field: Field): ColumnType {
  const declared = declaredShape(field)
  const dims: number[] = []
  let [type, fixed] = [field.type, true]
  for (; isList(type); type = type.children[0]!.type) {
    if (DataType.isFixedSizeList(type)) dims.push(type.listSize)
    else fixed = false
  }
  const rowShape = fixed ? dims : undefined
  return {
    dtype: field.metadata.get('aivida.dtype') === 'bfloat16' ? 'bfloat16' : dtypeOf(type),
    rowShape: declared && rowShape && elementCount(declared) === elementCount(rowShape) ? declared : rowShape,
  }
}

/**
 * Rows `from` to `to` of a column; a view of its memory, save for bools and strings. With lists of any length, the
 * rows must be alike. `firstRow` is the row of the source that the column begins with.
 *
 * Throws `source.missing-value` for nulls, `source.shape` for ragged lists.
 */
export function columnRows(field: Field, column: Data, from: number, to: number, firstRow: number): Tensor {
  const { dtype, rowShape } = columnType(field)
  const dims: number[] = []
  let [data, start, end] = [column, from, to]
  for (;;) {
    checkNulls(
      field,
      data,
      start,
      end,
      (i) => firstRow + from + Math.floor(((i - start) * (to - from)) / (end - start)),
    )
    if (!isList(data.type)) break
    const [length, first] = listExtent(field, data, start, end, firstRow + from)
    dims.push(length)
    ;[data, start, end] = [data.children[0]!, first, first + (end - start) * length]
  }
  return { dtype: dtype!, shape: [to - from, ...(rowShape ?? dims)], data: elements(data, start, end) }
}

/** The common length of some lists, and where in their elements the first one begins. */
function listExtent(field: Field, data: Data, from: number, to: number, row: number): [number, number] {
  if (DataType.isFixedSizeList(data.type)) return [data.type.listSize, from * data.type.listSize]
  const offset = (i: number) => Number(data.valueOffsets[i])
  const length = offset(from + 1) - offset(from)
  for (let i = from + 1; i < to; i++)
    if (offset(i + 1) - offset(i) !== length)
      throw userError('source.shape', `row ${row}: ${field.name} holds lists of different lengths; pad them`, {
        column: field.name,
        row,
      })
  return [length, offset(from)]
}

function checkNulls(field: Field, data: Data, from: number, to: number, rowOf: (i: number) => number): void {
  if (data.nullCount === 0) return
  checkExtent(from, to, 8 * (data.nullBitmap?.byteLength ?? 0))
  for (let i = from; i < to; i++) if (!data.getValid(i)) throw missingValue(field.name, `row ${rowOf(i)}`)
}

/** The bytes of elements as a tensor has them. */
function elements(data: Data, from: number, to: number): Uint8Array {
  if (DataType.isBool(data.type)) {
    checkExtent(from, to, 8 * data.values.byteLength)
    return Uint8Array.from({ length: to - from }, (_, i) => (data.values[(from + i) >> 3]! >> ((from + i) & 7)) & 1)
  }
  if (DataType.isUtf8(data.type) || DataType.isLargeUtf8(data.type)) return strings(data, from, to)
  const { buffer, byteOffset, length, BYTES_PER_ELEMENT } = data.values as Uint8Array
  checkExtent(from, to, length)
  return new Uint8Array(buffer, byteOffset + from * BYTES_PER_ELEMENT, (to - from) * BYTES_PER_ELEMENT)
}

function strings(data: Data, from: number, to: number): Uint8Array {
  const offset = (i: number) => Number(data.valueOffsets[i])
  checkExtent(offset(from), offset(to), data.values.byteLength)
  const bytes = Buffer.alloc(4 * (to - from) + offset(to) - offset(from))
  for (let i = from, at = 0; i < to; i++) {
    at = bytes.writeUInt32LE(offset(i + 1) - offset(i), at)
    bytes.set(data.values.subarray(offset(i), offset(i + 1)), at)
    at += offset(i + 1) - offset(i)
  }
  return bytes
}

/** What an offset of a damaged file points at must not be reserved or read. Throws RangeError. */
function checkExtent(from: number, to: number, length: number): void {
  if (!(from >= 0 && from <= to && to <= length)) throw new RangeError(`elements ${from} to ${to} of ${length}`)
}

function isList(type: DataType): boolean {
  return DataType.isFixedSizeList(type) || DataType.isList(type) || DataType.isLargeList(type)
}

function declaredShape(field: Field): readonly number[] | undefined {
  if (field.metadata.get('ARROW:extension:name') !== 'arrow.fixed_shape_tensor') return undefined
  try {
    const { shape, permutation } = JSON.parse(field.metadata.get('ARROW:extension:metadata') ?? '')
    const plain = permutation === undefined && Array.isArray(shape) && shape.every(Number.isSafeInteger)
    return plain ? shape : undefined
  } catch {
    return undefined // the storage type still tells how many elements a row has
  }
}

function dtypeOf(type: DataType): DType | undefined {
  if (DataType.isInt(type)) return `${type.isSigned ? '' : 'u'}int${type.bitWidth}`
  if (DataType.isFloat(type))
    return ({ [Precision.HALF]: 'float16', [Precision.SINGLE]: 'float32', [Precision.DOUBLE]: 'float64' } as const)[
      type.precision
    ]
  if (DataType.isBool(type)) return 'bool'
  return DataType.isUtf8(type) || DataType.isLargeUtf8(type) ? 'string' : undefined
}
