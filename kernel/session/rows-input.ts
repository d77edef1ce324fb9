import { resolve } from 'node:path'
import type { Table } from 'apache-arrow'
import { userError } from '../../runtime/base/errors.ts'
import { nearest } from '../../runtime/base/nearest.ts'
import type { NamedTensors } from '../../runtime/data/tensor/index.ts'
import type { SourceSpec } from '../../runtime/protocol/index.ts'
import { isTensorLike, type TensorLike, type TensorTarget, tensorFrom } from './tensor-input.ts'

/** Rows in memory: an Arrow table, tensors by the names of columns, one tensor where there is one column, or objects, one a row. */
export type Rows =
  | Table
  | TensorLike
  | Readonly<Record<string, TensorLike>>
  | readonly Readonly<Record<string, unknown>>[]

/** Rows to compute on: in memory, or the path of an Arrow, Parquet, CSV or JSON file, of JSON lines, or of a folder of images. */
export type RowsInput = string | SourceSpec | Rows

/** Whether something is an Arrow table: told by its shape, since it may be of the caller's own copy of the package. */
export function isTable(value: unknown): value is Table {
  return value !== null && typeof value === 'object' && 'batches' in value && 'schema' in value
}

/** The file that an input names; `undefined` for one in memory. */
export function fileOf(input: RowsInput): SourceSpec | undefined {
  if (typeof input === 'string') return { path: resolve(input) }
  if (isTable(input) || isTensorLike(input) || Array.isArray(input)) return undefined
  const { path, format, ...others } = input as { path?: unknown; format?: SourceSpec['format'] }
  if (typeof path !== 'string' || Object.keys(others).length > 0) return undefined
  return { path: resolve(path), ...(format !== undefined && { format }) }
}

/**
 * Rows in memory as tensors of the columns that are asked for, in their element types (see {@link tensorFrom}). Throws
 * `input.*` for a column that is missing or cannot be what it is to be.
 */
export async function tensorsFrom(rows: Rows, columns: readonly TensorTarget[]): Promise<NamedTensors> {
  const given = await columnsOf(rows, columns)
  const names = columns.map(({ name }) => name)
  const tensors: NamedTensors[string][] = []
  for (const target of columns) {
    const value = given[target.name]
    if (value === undefined) throw missing(target.name, Object.keys(given))
    tensors.push(await tensorFrom(value, target))
  }
  return Object.fromEntries(names.map((name, i) => [name, tensors[i]!]))
}

async function columnsOf(rows: Rows, columns: readonly TensorTarget[]): Promise<Readonly<Record<string, TensorLike>>> {
  if (isTable(rows)) {
    const { tensorsOfTable } = await import('./arrow-tensors.ts')
    return tensorsOfTable(
      rows,
      columns.map(({ name }) => name),
    )
  }
  if (isTensorLike(rows)) {
    const [only, ...others] = columns
    if (!only || others.length > 0)
      throw userError(
        'input.columns',
        `expected columns by name ({ ${columns.map(({ name }) => name).join(', ')} }), found one tensor`,
      )
    return { [only.name]: rows }
  }
  if (!Array.isArray(rows)) return rows as Readonly<Record<string, TensorLike>>
  const objects = rows as readonly Readonly<Record<string, unknown>>[]
  return Object.fromEntries(columns.map(({ name }) => [name, objects.map((row, i) => cellOf(row, name, i))]))
}

function cellOf(row: Readonly<Record<string, unknown>>, name: string, at: number) {
  const value = row[name]
  if (value === undefined || value === null)
    throw userError('input.missing-value', `row ${at} has no ${name}; it has ${Object.keys(row).join(', ')}`, {
      row: at,
    })
  return value as number
}

function missing(name: string, found: readonly string[]) {
  const near = nearest(name, found)
  const hint = near === undefined ? `found ${found.join(', ') || 'none'}` : `found ${near}: rename it`
  return userError('input.column', `expected a column ${name}, ${hint}`, { column: name })
}
