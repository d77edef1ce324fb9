import { type DuckDBType, DuckDBTypeId } from '@duckdb/node-api'
import { columnMissing, wrongDtype } from '../sources/refusals.ts'
import { rowShape } from '../sources/row-shape.ts'
import type { TensorSpec } from '../sources/signature.ts'
import type { ColumnChoice } from '../sources/source.ts'
import { DTYPES, type DType } from '../tensor/index.ts'
import { quotedName } from './sealed-file.ts'
import { vectorType } from './vector-rows.ts'

/** What DuckDB reads for a `Loader`. */
export type TableFormat = 'parquet' | 'csv' | 'json'

/** A column that a file has. */
export interface FileColumn {
  readonly name: string
  readonly type: DuckDBType
}

/** DuckDB's names of the types that CSV and JSON are cast to. */
const SQL_TYPES: Partial<Record<DType, string>> = {
  int8: 'TINYINT',
  int16: 'SMALLINT',
  int32: 'INTEGER',
  int64: 'BIGINT',
  uint8: 'UTINYINT',
  uint16: 'USMALLINT',
  uint32: 'UINTEGER',
  uint64: 'UBIGINT',
  float32: 'FLOAT',
  float64: 'DOUBLE',
}

/** What is asked of a table for one input. */
export interface Selection {
  readonly sql: string
  /** SQL types that columns of a CSV are to be read as: its own are guesses from its first lines. */
  readonly declared: ReadonlyMap<string, string>
}

/**
 * What is selected for an input: the column of its name, or those that were chosen for it, side by side. Throws
 * `source.column-missing`, `source.dtype`, `source.shape`.
 */
export function selection(
  spec: TensorSpec,
  columns: readonly FileColumn[],
  { path, format, columns: choice = {} }: { path: string; format: TableFormat; columns?: ColumnChoice },
): Selection {
  const chosen = Object.hasOwn(choice, spec.name) ? choice[spec.name]! : spec.name
  const names = [chosen].flat()
  const found = names.flatMap((name) => named(name, columns))
  const isLacking = names.some((name) => named(name, columns).length === 0)
  const [first] = found
  if (!first || isLacking) {
    const missing = names.find((name) => named(name, columns).length === 0) ?? spec.name
    throw columnMissing(
      { ...spec, name: missing },
      columns.map(({ name }) => name),
      path,
    )
  }
  const declared = new Map<string, string>()
  const parts = found.map((column) => {
    const target = targetType(spec, column, format, `column ${column.name} of ${path}`)
    const name = quotedName(column.name)
    if (format === 'csv') declared.set(column.name, target ?? `${column.type}`)
    if (target === undefined) return name
    return `CAST(${name} AS ${target}${'[]'.repeat(depth(column.type))})` // refuses what is out of range
  })
  const shape = vectorType(first.type).rowShape
  const isStacked = typeof chosen !== 'string' || chosen.endsWith('*')
  const wholeShape = shape && (isStacked ? [found.length, ...shape] : shape)
  if (wholeShape) rowShape(spec, wholeShape, `column ${first.name} of ${path}`)
  return { sql: isStacked ? `list_value(${parts.join(', ')})` : parts[0]!, declared }
}

function named(name: string, columns: readonly FileColumn[]): FileColumn[] {
  const exact = columns.filter((column) => column.name === name)
  if (exact.length > 0 || !name.endsWith('*')) return exact
  return columns.filter((column) => column.name.startsWith(name.slice(0, -1)))
}

/** The SQL type that a column has to become; `undefined` when it is what the input takes. Throws `source.dtype`. */
function targetType(spec: TensorSpec, { type }: FileColumn, format: TableFormat, where: string): string | undefined {
  const { dtype } = vectorType(type)
  const words = spec.dtype === 'bfloat16' && dtype === 'uint16' // no table format has bfloat16
  if (dtype === spec.dtype || words) return undefined
  const target = SQL_TYPES[spec.dtype]
  const isSafe =
    dtype !== undefined && target !== undefined && (isInteger(dtype) || isFloat(dtype)) && format !== 'parquet'
  if (!isSafe || (isFloat(dtype) && !isFloat(spec.dtype))) throw wrongDtype(spec, `${type}`, where)
  return target
}

function depth(type: DuckDBType): number {
  return type.typeId === DuckDBTypeId.LIST ? 1 + depth(type.valueType) : 0
}

function isInteger(dtype: DType): boolean {
  return dtype.includes('int')
}

function isFloat(dtype: DType): boolean {
  return dtype.startsWith('float') && DTYPES[dtype] >= 4
}
