import { type DuckDBType, DuckDBTypeId, DuckDBVarCharVector } from '@duckdb/node-api'
import duckdb, { type Vector } from '@duckdb/node-bindings'
import { userError } from '../../base/index.ts'
import { missingValue } from '../sources/refusals.ts'
import { DTYPES, type DType, type Tensor, tensorOf } from '../tensor/index.ts'

/** Elements by DuckDB's types. What is not here - dates, decimals, structs - no tensor holds. */
const ELEMENTS: Partial<Record<DuckDBTypeId, DType>> = {
  [DuckDBTypeId.BOOLEAN]: 'bool',
  [DuckDBTypeId.TINYINT]: 'int8',
  [DuckDBTypeId.SMALLINT]: 'int16',
  [DuckDBTypeId.INTEGER]: 'int32',
  [DuckDBTypeId.BIGINT]: 'int64',
  [DuckDBTypeId.UTINYINT]: 'uint8',
  [DuckDBTypeId.USMALLINT]: 'uint16',
  [DuckDBTypeId.UINTEGER]: 'uint32',
  [DuckDBTypeId.UBIGINT]: 'uint64',
  [DuckDBTypeId.FLOAT]: 'float32',
  [DuckDBTypeId.DOUBLE]: 'float64',
  [DuckDBTypeId.VARCHAR]: 'string',
}

/** What the rows of a column are, as far as its type tells. */
export interface VectorType {
  /** `undefined`: elements that no tensor holds. */
  readonly dtype: DType | undefined
  /** Shape of a row; `undefined` when lists make it up, and it is known row by row. */
  readonly rowShape: readonly number[] | undefined
}

/** The {@link VectorType} of a primitive, a LIST or an ARRAY of one, nested or not. */
export function vectorType(type: DuckDBType): VectorType {
  const dims: number[] = []
  let [element, fixed] = [type, true]
  for (;;) {
    if (element.typeId === DuckDBTypeId.ARRAY) dims.push(element.length)
    else if (element.typeId === DuckDBTypeId.LIST) fixed = false
    else break
    element = element.valueType
  }
  return { dtype: ELEMENTS[element.typeId], rowShape: fixed ? dims : undefined }
}

/** Elements `from` to `to` of a vector. */
interface Run {
  readonly from: number
  readonly to: number
}

/** A column of a chunk that DuckDB gave. */
export interface ChunkColumn {
  readonly name: string
  readonly type: DuckDBType
  readonly vector: Vector
  /** Rows of the chunk, and the row of the source that it begins with. */
  readonly rows: number
  readonly firstRow: number
}

/**
 * Rows `from` to `to` of a chunk's column as a tensor, copied: DuckDB takes the memory back with the chunk. Lists must be
 * alike. Throws `source.missing-value` for nulls, `source.shape` for ragged lists.
 */
export function vectorRows({ name, type, vector, rows, firstRow }: ChunkColumn, from: number, to: number): Tensor {
  const dims: number[] = []
  let [element, at, count] = [type, vector, rows]
  let runs: Run[] = [{ from, to }]
  let perRow = 1
  const rowOf = (place: number) => firstRow + from + Math.floor(place / perRow)
  for (;;) {
    checkNulls(name, at, count, runs, rowOf)
    if (element.typeId === DuckDBTypeId.ARRAY) {
      const { length } = element
      runs = runs.map(({ from, to }) => ({ from: from * length, to: to * length }))
      ;[at, count] = [duckdb.array_vector_get_child(at), count * length]
      dims.push(length)
      perRow *= length
    } else if (element.typeId === DuckDBTypeId.LIST) {
      const entries = new BigUint64Array(duckdb.vector_get_data(at, count * LIST_ENTRY_BYTES).slice().buffer)
      const lists = listRuns(name, entries, runs, rowOf)
      ;[at, count] = [duckdb.list_vector_get_child(at), duckdb.list_vector_get_size(at)]
      runs = lists.runs
      dims.push(lists.length)
      perRow *= lists.length
    } else {
      const dtype = ELEMENTS[element.typeId]!
      return { dtype, shape: [to - from, ...dims], data: elements(dtype, at, count, runs) }
    }
    element = element.valueType
  }
}

/** A list is `u64 first element | u64 length`. */
const LIST_ENTRY_BYTES = 16

function listRuns(
  name: string,
  entries: BigUint64Array,
  runs: readonly Run[],
  rowOf: (place: number) => number,
): { readonly length: number; readonly runs: Run[] } {
  const children: Run[] = []
  let [length, place] = [-1, 0]
  for (const { from, to } of runs)
    for (let i = from; i < to; i++, place++) {
      const first = Number(entries[2 * i])
      const found = Number(entries[2 * i + 1])
      if (length < 0) length = found
      if (found !== length)
        throw userError('source.shape', `row ${rowOf(place)}: ${name} holds lists of different lengths; pad them`, {
          column: name,
          row: rowOf(place),
        })
      const last = children.at(-1)
      if (last?.to === first) children[children.length - 1] = { from: last.from, to: first + length }
      else children.push({ from: first, to: first + length })
    }
  return { length: Math.max(0, length), runs: children }
}

function checkNulls(name: string, vector: Vector, count: number, runs: readonly Run[], rowOf: (at: number) => number) {
  const valid = count > 0 ? duckdb.vector_get_validity(vector, Math.ceil(count / 64) * 8) : null
  if (!valid) return
  let place = 0
  for (const { from, to } of runs)
    for (let i = from; i < to; i++, place++)
      if (((valid[i >> 3]! >> (i & 7)) & 1) === 0) throw missingValue(name, `row ${rowOf(place)}`)
}

function elements(dtype: DType, vector: Vector, count: number, runs: readonly Run[]): Uint8Array {
  const total = runs.reduce((sum, { from, to }) => sum + to - from, 0)
  if (dtype === 'string') {
    const texts = DuckDBVarCharVector.fromRawVector(vector, count)
    return tensorOf(
      runs.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => texts.getItem(from + i)!)),
    ).data
  }
  const size = DTYPES[dtype]
  const data = new Uint8Array(total * size)
  if (total === 0) return data
  const bytes = duckdb.vector_get_data(vector, count * size)
  let at = 0
  for (const { from, to } of runs) {
    data.set(bytes.subarray(from * size, to * size), at)
    at += (to - from) * size
  }
  return data
}
