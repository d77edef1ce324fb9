import {
  ARRAY,
  BIGINT,
  BLOB,
  BOOLEAN,
  DATE,
  DECIMAL,
  DOUBLE,
  type DuckDBConnection,
  DuckDBDataChunk,
  type DuckDBType,
  FLOAT,
  INTEGER,
  INTERVAL,
  LIST,
  SMALLINT,
  STRUCT,
  TIME,
  TIMESTAMP,
  TIMESTAMP_MS,
  TIMESTAMP_NS,
  TIMESTAMP_S,
  TIMESTAMPTZ,
  TINYINT,
  UBIGINT,
  UINTEGER,
  USMALLINT,
  UTINYINT,
  VARCHAR,
} from '@duckdb/node-api'
import duckdb, { type Vector } from '@duckdb/node-bindings'
import { Vector as Column, type Data, DataType, DateUnit, Precision, type Table, TimeUnit } from 'apache-arrow'
import { userError } from '../../base/index.ts'
import { quotedName } from './sealed-file.ts'

/** Rows of a chunk: DuckDB's vector size. */
const CHUNK_ROWS = 2_048

/** Makes an Arrow table known to a connection by a name, by copying it, column by column. Throws `sql.type`. */
export async function addTable(connection: DuckDBConnection, name: string, table: Table): Promise<void> {
  const { fields } = table.schema
  if (fields.length === 0) throw userError('sql.no-columns', `${name} has no columns`)
  const types = fields.map((field) => duckType(field.type, `column ${field.name} of ${name}`))
  const columns = fields.map((field, i) => `${quotedName(field.name)} ${types[i]}`).join(', ')
  await connection.run(`CREATE TEMP TABLE ${quotedName(name)} (${columns})`)
  const appender = await connection.createAppender(name)
  for (const { data } of table.batches)
    for (let from = 0; from < data.length; from += CHUNK_ROWS) {
      const to = Math.min(data.length, from + CHUNK_ROWS)
      const chunk = DuckDBDataChunk.create(types, to - from)
      for (const [i, child] of data.children.entries())
        write(duckdb.data_chunk_get_vector(chunk.chunk, i), child, from, to)
      appender.appendDataChunk(chunk)
    }
  appender.closeSync()
}

function duckType(type: DataType, where: string): DuckDBType {
  if (DataType.isNull(type)) return INTEGER
  if (DataType.isBool(type)) return BOOLEAN
  if (DataType.isInt(type)) {
    const [signed, unsigned] = INTEGERS[type.bitWidth]!
    return type.isSigned ? signed : unsigned
  }
  if (DataType.isFloat(type)) return type.precision === Precision.DOUBLE ? DOUBLE : FLOAT
  if (isText(type)) return VARCHAR
  if (isBytes(type)) return BLOB
  if (DataType.isDate(type)) return type.unit === DateUnit.DAY ? DATE : TIMESTAMP_MS
  if (DataType.isTimestamp(type)) return type.timezone ? TIMESTAMPTZ : TIMESTAMPS[type.unit]
  if (DataType.isTime(type)) return TIME
  if (DataType.isDuration(type)) return INTERVAL
  if (DataType.isDecimal(type) && type.precision <= 38) return DECIMAL(type.precision, type.scale)
  if (DataType.isDictionary(type)) return duckType(type.dictionary, where)
  if (DataType.isFixedSizeList(type)) return ARRAY(duckType(type.children[0]!.type, where), type.listSize)
  if (isList(type)) return LIST(duckType(type.children[0]!.type, where))
  if (DataType.isStruct(type))
    return STRUCT(Object.fromEntries(type.children.map((field) => [field.name, duckType(field.type, where)])))
  throw userError(
    'sql.type',
    `${where} is of type ${type}, which DuckDB is not given; leave it out: table.select([...])`,
  )
}

const INTEGERS: Readonly<Record<number, readonly [signed: DuckDBType, unsigned: DuckDBType]>> = {
  8: [TINYINT, UTINYINT],
  16: [SMALLINT, USMALLINT],
  32: [INTEGER, UINTEGER],
  64: [BIGINT, UBIGINT],
}
const TIMESTAMPS = {
  [TimeUnit.SECOND]: TIMESTAMP_S,
  [TimeUnit.MILLISECOND]: TIMESTAMP_MS,
  [TimeUnit.MICROSECOND]: TIMESTAMP,
  [TimeUnit.NANOSECOND]: TIMESTAMP_NS,
} as const

function isText(type: DataType): boolean {
  return DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isUtf8View(type)
}

function isBytes(type: DataType): boolean {
  return (
    DataType.isBinary(type) ||
    DataType.isLargeBinary(type) ||
    DataType.isBinaryView(type) ||
    DataType.isFixedSizeBinary(type)
  )
}

function isList(type: DataType): boolean {
  return DataType.isList(type) || DataType.isLargeList(type)
}

/** Rows `from` to `to` of a column into the first places of a vector. */
function write(vector: Vector, data: Data, from: number, to: number): void {
  const { type } = data
  writeNulls(vector, data, from, to)
  if (DataType.isNull(type)) return
  if (isText(type) || isBytes(type) || DataType.isDictionary(type)) writeValues(vector, data, from, to)
  else if (DataType.isStruct(type))
    for (const [i, child] of data.children.entries()) write(duckdb.struct_vector_get_child(vector, i), child, from, to)
  else if (DataType.isFixedSizeList(type))
    write(duckdb.array_vector_get_child(vector), data.children[0]!, from * type.listSize, to * type.listSize)
  else if (isList(type)) writeLists(vector, data, from, to)
  else copy(vector, elements(data, from, to))
}

function writeNulls(vector: Vector, data: Data, from: number, to: number): void {
  if (data.nullCount === 0 && !DataType.isNull(data.type)) return
  duckdb.vector_ensure_validity_writable(vector)
  const bits = new Uint8Array(8 * Math.ceil((to - from) / 64))
  for (let i = from; i < to; i++) if (isValid(data, i)) bits[(i - from) >> 3]! |= 1 << ((i - from) & 7)
  duckdb.copy_data_to_vector_validity(vector, 0, bits.buffer, 0, bits.byteLength)
}

function isValid(data: Data, i: number): boolean {
  return !DataType.isNull(data.type) && data.getValid(i)
}

function writeLists(vector: Vector, data: Data, from: number, to: number): void {
  const offset = (i: number) => Number((data.valueOffsets as ArrayLike<number | bigint>)[i])
  const [begin, end] = [offset(from), offset(to)]
  const entries = new BigUint64Array(2 * (to - from))
  for (let i = from; i < to; i++) {
    entries[2 * (i - from)] = BigInt(offset(i) - begin)
    entries[2 * (i - from) + 1] = BigInt(offset(i + 1) - offset(i))
  }
  copy(vector, entries)
  duckdb.list_vector_reserve(vector, end - begin)
  duckdb.list_vector_set_size(vector, end - begin)
  if (end > begin) write(duckdb.list_vector_get_child(vector), data.children[0]!, begin, end)
}

/** Texts and bytes, which lie elsewhere, and values that are named by a dictionary. */
function writeValues(vector: Vector, data: Data, from: number, to: number): void {
  const type = DataType.isDictionary(data.type) ? data.type.dictionary : data.type
  const column = new Column([data])
  if (isText(type) || isBytes(type)) {
    for (let i = from; i < to; i++) {
      const value: unknown = column.get(i)
      if (typeof value === 'string') duckdb.vector_assign_string_element(vector, i - from, value)
      else if (value instanceof Uint8Array) duckdb.vector_assign_string_element_len(vector, i - from, value)
    }
    return
  }
  const { dictionary } = data
  if (dictionary?.data.length !== 1 || !('values' in dictionary.data[0]!))
    throw userError('sql.type', `a dictionary of ${type} is not given to DuckDB; leave the column out`)
  const all = elements(dictionary.data[0]!, 0, dictionary.length)
  const chosen = new (all.constructor as new (length: number) => Elements)(to - from)
  const indices = data.values as ArrayLike<number>
  for (let i = from; i < to; i++) if (isValid(data, i)) chosen[i - from] = all[indices[i]!]!
  copy(vector, chosen)
}

type Elements = Exclude<ReturnType<typeof elements>, never>

/** Elements of a column as DuckDB lays them out. */
function elements(data: Data, from: number, to: number) {
  const { type } = data
  const values = data.values as Int32Array | BigInt64Array
  const part = values.subarray(from, to)
  if (DataType.isBool(type)) return Uint8Array.from({ length: to - from }, (_, i) => bit(data, from + i))
  if (DataType.isFloat(type) && type.precision === Precision.HALF) {
    const words = part as unknown as Uint16Array
    return Float32Array.from(new Float16Array(words.slice().buffer as ArrayBuffer))
  }
  if (DataType.isTimestamp(type) && type.timezone)
    return BigInt64Array.from(part as BigInt64Array, (time) => micros(time, type.unit))
  if (DataType.isTime(type))
    return BigInt64Array.from({ length: part.length }, (_, i) => micros(BigInt(part[i]!), type.unit))
  if (DataType.isDuration(type)) {
    const intervals = new BigInt64Array(2 * part.length) // i32 months | i32 days | i64 µs
    for (let i = 0; i < part.length; i++) intervals[2 * i + 1] = micros(BigInt(part[i]!), type.unit)
    return intervals
  }
  if (DataType.isDecimal(type)) return decimals(data, from, to)
  return part
}

function bit(data: Data, i: number): number {
  const at = data.offset + i
  return ((data.values as Uint8Array)[at >> 3]! >> (at & 7)) & 1
}

function micros(time: bigint, unit: TimeUnit): bigint {
  if (unit === TimeUnit.NANOSECOND) return time / 1_000n
  return time * 1_000n ** BigInt(TimeUnit.MICROSECOND - unit)
}

/** Both keep decimals as scaled integers; DuckDB in as few bytes as the precision needs. */
function decimals(data: Data, from: number, to: number) {
  const { precision, bitWidth } = data.type as DataType & { readonly precision: number; readonly bitWidth: number }
  const words = (data.values as unknown as Uint32Array).subarray((from * bitWidth) / 32, (to * bitWidth) / 32)
  if (precision > 18 && bitWidth === 128) return words
  const stride = bitWidth / 32
  const low = (i: number) => (BigInt(words[i * stride + 1] ?? 0) << 32n) | BigInt(words[i * stride]!)
  const signed = (i: number) => BigInt.asIntN(stride === 1 ? 32 : 64, low(i))
  const length = to - from
  if (precision <= 4) return Int16Array.from({ length }, (_, i) => Number(signed(i)))
  if (precision <= 9) return Int32Array.from({ length }, (_, i) => Number(signed(i)))
  if (precision <= 18) return BigInt64Array.from({ length }, (_, i) => signed(i))
  throw userError('sql.type', `decimals of ${bitWidth} bits are not given to DuckDB; leave the column out`)
}

function copy(vector: Vector, values: ArrayBufferView): void {
  if (values.byteLength === 0) return
  duckdb.copy_data_to_vector(vector, 0, values.buffer as ArrayBuffer, values.byteOffset, values.byteLength)
}
