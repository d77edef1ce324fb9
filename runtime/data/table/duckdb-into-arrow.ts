import {
  type DuckDBArrayType,
  type DuckDBDecimalType,
  type DuckDBListType,
  type DuckDBResult,
  type DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
  DuckDBVector,
} from '@duckdb/node-api'
import duckdb, { type Vector } from '@duckdb/node-bindings'
import {
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimeMicrosecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from 'apache-arrow'

/**
 * What a query gives, as one Arrow table. Sums of integers, which DuckDB keeps in 128 bits, are int64 where all of them fit and
 * decimals otherwise; what Arrow has no type for - enums, UUIDs, intervals, maps - is text.
 */
export async function arrowTableOf(result: DuckDBResult): Promise<Table> {
  const names = result.deduplicatedColumnNames()
  const columns = names.map((_, i) => columnOf(result.columnType(i)))
  let rows = 0
  for (;;) {
    const chunk = await result.fetchChunk()
    if (!chunk || chunk.rowCount === 0) break
    const { rowCount } = chunk
    for (const [i, column] of columns.entries())
      column.add(duckdb.data_chunk_get_vector(chunk.chunk, i), rowCount, [{ from: 0, to: rowCount }])
    rows += rowCount
  }
  const data = columns.map((column) => column.end())
  const schema = new Schema(names.map((name, i) => new Field(name, data[i]!.type, true)))
  const struct = made(new Struct(schema.fields), rows, { children: data }) as Data<Struct>
  return new Table(schema, new RecordBatch(schema, struct))
}

/** Elements `from` to `to` of a vector. */
interface Run {
  readonly from: number
  readonly to: number
}

/** A column that grows by runs of vectors, which are copied: DuckDB takes their memory back with the chunk. */
abstract class Column {
  length = 0
  #nulls = 0
  /** A bit for each element, set of nulls. */
  #isNull = new Uint8Array(0)

  /** Adds runs of a vector of `count` elements. */
  add(vector: Vector, count: number, runs: readonly Run[]): void {
    const valid = count > 0 ? duckdb.vector_get_validity(vector, 8 * Math.ceil(count / 64)) : null
    const { length } = this
    for (const { from, to } of runs) {
      if (valid)
        for (let i = from; i < to; i++)
          if (((valid[i >> 3]! >> (i & 7)) & 1) === 0) this.#setNull(this.length + i - from)
      this.length += to - from
    }
    this.take(vector, count, runs, length)
  }

  #setNull(at: number): void {
    if (at >> 3 >= this.#isNull.length) {
      const grown = new Uint8Array(Math.max(64, 2 * ((at >> 3) + 1)))
      grown.set(this.#isNull)
      this.#isNull = grown
    }
    this.#isNull[at >> 3]! |= 1 << (at & 7)
    this.#nulls++
  }

  /** `at`: the place of the first of them. */
  protected abstract take(vector: Vector, count: number, runs: readonly Run[], at: number): void
  abstract end(): Data

  protected isValid(i: number): boolean {
    return (((this.#isNull[i >> 3] ?? 0) >> (i & 7)) & 1) === 0
  }

  /** The buffers that say which elements are null. */
  protected nullBuffers(): object {
    if (this.#nulls === 0) return { nullCount: 0 }
    const nullBitmap = Uint8Array.from({ length: Math.ceil(this.length / 8) }, (_, i) => ~(this.#isNull[i] ?? 0))
    return { nullCount: this.#nulls, nullBitmap }
  }
}

/** Elements of some bytes each, as they lie in DuckDB. */
class Fixed extends Column {
  readonly #type: DataType
  readonly #size: number
  readonly #pieces: Uint8Array[] = []

  constructor(type: DataType, size: number) {
    super()
    this.#type = type
    this.#size = size
  }

  protected take(vector: Vector, count: number, runs: readonly Run[]): void {
    if (count === 0) return
    const bytes = duckdb.vector_get_data(vector, count * this.#size)
    for (const { from, to } of runs) this.#pieces.push(bytes.slice(from * this.#size, to * this.#size))
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return concatenated(this.#pieces)
  }

  end(): Data {
    const bytes = this.bytes()
    const { ArrayType } = this.#type as DataType & { readonly ArrayType: new (buffer: ArrayBuffer) => unknown }
    return made(this.#type, this.length, { ...this.nullBuffers(), data: new ArrayType(bytes.buffer) })
  }
}

class Bools extends Fixed {
  constructor() {
    super(new Uint8(), 1)
  }

  override end(): Data {
    const bits = new Uint8Array(Math.ceil(this.length / 8))
    for (const [i, byte] of this.bytes().entries()) if (byte !== 0) bits[i >> 3]! |= 1 << (i & 7)
    return made(new Bool(), this.length, { ...this.nullBuffers(), data: bits })
  }
}

/** 128 bits: int64 where all values fit. */
class HugeInts extends Fixed {
  constructor() {
    super(new Decimal(0, 38, 128), 16)
  }

  override end(): Data {
    const words = new BigInt64Array(this.bytes().buffer)
    const low = new BigInt64Array(this.length)
    for (let i = 0; i < this.length; i++) {
      if (this.isValid(i) && words[2 * i]! >> 63n !== words[2 * i + 1]) return super.end()
      low[i] = words[2 * i]!
    }
    return made(new Int64(), this.length, { ...this.nullBuffers(), data: low })
  }
}

/** Decimals of few bytes become such of 128 bits. */
class Decimals extends Fixed {
  readonly #decimal: Decimal
  readonly #words: (bytes: Uint8Array<ArrayBuffer>) => Iterable<number | bigint>

  constructor({ width, scale }: DuckDBDecimalType) {
    const size = width <= 4 ? 2 : width <= 9 ? 4 : width <= 18 ? 8 : 16
    const decimal = new Decimal(scale, width, 128)
    super(decimal, size)
    this.#decimal = decimal
    this.#words = ({ buffer }) =>
      size === 2
        ? new Int16Array(buffer)
        : size === 4
          ? new Int32Array(buffer)
          : size === 8
            ? new BigInt64Array(buffer)
            : []
  }

  override end(): Data {
    const bytes = this.bytes()
    if (bytes.byteLength === 16 * this.length) return super.end()
    const wide = new BigInt64Array(2 * this.length)
    let i = 0
    for (const word of this.#words(bytes)) {
      wide[i++] = BigInt(word)
      wide[i++] = BigInt(word) >> 63n
    }
    return made(this.#decimal, this.length, { ...this.nullBuffers(), data: new Uint32Array(wide.buffer) })
  }
}

/** Texts and bytes, and what becomes text. */
class Words extends Column {
  readonly #type: Utf8 | Binary
  readonly #duck: DuckDBType
  readonly #pieces: Uint8Array[] = []
  readonly #ends: number[] = [0]

  constructor(type: Utf8 | Binary, duck: DuckDBType) {
    super()
    this.#type = type
    this.#duck = duck
  }

  protected take(vector: Vector, count: number, runs: readonly Run[]): void {
    const values = DuckDBVector.create(vector, count, this.#duck)
    for (const { from, to } of runs)
      for (let i = from; i < to; i++) {
        const value = values.getItem(i) as { readonly bytes?: Uint8Array } | string | null
        const piece =
          value === null
            ? EMPTY
            : typeof value === 'object' && value.bytes
              ? Uint8Array.from(value.bytes)
              : Buffer.from(String(value))
        this.#pieces.push(piece)
        this.#ends.push(this.#ends.at(-1)! + piece.byteLength)
      }
  }

  end(): Data {
    const buffers = { valueOffsets: Int32Array.from(this.#ends), data: concatenated(this.#pieces) }
    return made(this.#type, this.length, { ...this.nullBuffers(), ...buffers })
  }
}

class Lists extends Column {
  readonly #child: Column
  readonly #ends: number[] = [0]

  constructor({ valueType }: DuckDBListType) {
    super()
    this.#child = columnOf(valueType)
  }

  protected take(vector: Vector, count: number, runs: readonly Run[], at: number): void {
    if (count === 0) return
    const entries = new BigUint64Array(duckdb.vector_get_data(vector, count * LIST_ENTRY_BYTES).slice().buffer)
    const children: { from: number; to: number }[] = []
    let place = at
    for (const { from, to } of runs)
      for (let i = from; i < to; i++, place++) {
        const length = this.isValid(place) ? Number(entries[2 * i + 1]) : 0 // of a null the entry is not set
        const first = Number(entries[2 * i])
        this.#ends.push(this.#ends.at(-1)! + length)
        const last = children.at(-1)
        if (last?.to === first) last.to = first + length
        else if (length > 0) children.push({ from: first, to: first + length })
      }
    this.#child.add(duckdb.list_vector_get_child(vector), duckdb.list_vector_get_size(vector), children)
  }

  end(): Data {
    const child = this.#child.end()
    const type = new List(new Field('item', child.type, true))
    return made(type, this.length, { ...this.nullBuffers(), valueOffsets: Int32Array.from(this.#ends), child })
  }
}

class Arrays extends Column {
  readonly #child: Column
  readonly #size: number

  constructor({ valueType, length }: DuckDBArrayType) {
    super()
    this.#child = columnOf(valueType)
    this.#size = length
  }

  protected take(vector: Vector, count: number, runs: readonly Run[]): void {
    const children = runs.map(({ from, to }) => ({ from: from * this.#size, to: to * this.#size }))
    this.#child.add(duckdb.array_vector_get_child(vector), count * this.#size, children)
  }

  end(): Data {
    const child = this.#child.end()
    const type = new FixedSizeList(this.#size, new Field('item', child.type, true))
    return made(type, this.length, { ...this.nullBuffers(), child })
  }
}

class Structs extends Column {
  readonly #names: readonly string[]
  readonly #children: readonly Column[]

  constructor({ entryNames, entryTypes }: DuckDBStructType) {
    super()
    this.#names = entryNames
    this.#children = entryTypes.map(columnOf)
  }

  protected take(vector: Vector, count: number, runs: readonly Run[]): void {
    for (const [i, child] of this.#children.entries()) child.add(duckdb.struct_vector_get_child(vector, i), count, runs)
  }

  end(): Data {
    const children = this.#children.map((child) => child.end())
    const fields = this.#names.map((name, i) => new Field(name, children[i]!.type, true))
    return made(new Struct(fields), this.length, { ...this.nullBuffers(), children })
  }
}

const EMPTY = new Uint8Array()
/** A list is `u64 first element | u64 length`. */
const LIST_ENTRY_BYTES = 16

const FIXED: Partial<Record<DuckDBTypeId, () => Column>> = {
  [DuckDBTypeId.BOOLEAN]: () => new Bools(),
  [DuckDBTypeId.TINYINT]: () => new Fixed(new Int8(), 1),
  [DuckDBTypeId.SMALLINT]: () => new Fixed(new Int16(), 2),
  [DuckDBTypeId.INTEGER]: () => new Fixed(new Int32(), 4),
  [DuckDBTypeId.BIGINT]: () => new Fixed(new Int64(), 8),
  [DuckDBTypeId.UTINYINT]: () => new Fixed(new Uint8(), 1),
  [DuckDBTypeId.USMALLINT]: () => new Fixed(new Uint16(), 2),
  [DuckDBTypeId.UINTEGER]: () => new Fixed(new Uint32(), 4),
  [DuckDBTypeId.UBIGINT]: () => new Fixed(new Uint64(), 8),
  [DuckDBTypeId.HUGEINT]: () => new HugeInts(),
  [DuckDBTypeId.FLOAT]: () => new Fixed(new Float32(), 4),
  [DuckDBTypeId.DOUBLE]: () => new Fixed(new Float64(), 8),
  [DuckDBTypeId.DATE]: () => new Fixed(new DateDay(), 4),
  [DuckDBTypeId.TIME]: () => new Fixed(new TimeMicrosecond(), 8),
  [DuckDBTypeId.TIMESTAMP]: () => new Fixed(new TimestampMicrosecond(), 8),
  [DuckDBTypeId.TIMESTAMP_S]: () => new Fixed(new TimestampSecond(), 8),
  [DuckDBTypeId.TIMESTAMP_MS]: () => new Fixed(new TimestampMillisecond(), 8),
  [DuckDBTypeId.TIMESTAMP_NS]: () => new Fixed(new TimestampNanosecond(), 8),
  [DuckDBTypeId.TIMESTAMP_TZ]: () => new Fixed(new TimestampMicrosecond('UTC'), 8),
}

function columnOf(type: DuckDBType): Column {
  switch (type.typeId) {
    case DuckDBTypeId.DECIMAL:
      return new Decimals(type)
    case DuckDBTypeId.LIST:
      return new Lists(type)
    case DuckDBTypeId.ARRAY:
      return new Arrays(type)
    case DuckDBTypeId.STRUCT:
      return new Structs(type)
    case DuckDBTypeId.BLOB:
      return new Words(new Binary(), type)
    default:
      return FIXED[type.typeId]?.() ?? new Words(new Utf8(), type)
  }
}

/** `makeData` of a type that is known only at run time. */
function made(type: DataType, length: number, buffers: object): Data {
  return makeData({ type, length, ...buffers } as never) as Data
}

function concatenated(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.byteLength
  }
  return whole
}
