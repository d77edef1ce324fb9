import { userError } from '../../../runtime/base/errors.ts'
import { isArrowTable } from '../arrow-view.ts'
import { elementsOf } from '../tensor-view.ts'

/** What can be drawn: an Arrow table, columns by name, rows as objects, or values alone (an array, a typed array, a tensor). */
export type PlotData = unknown

/** Values by name; of values alone the name is `value`. */
export type Columns = ReadonlyMap<string, readonly unknown[]>

/** More rows than that are thinned before they are drawn. */
const ROWS = 2_000_000

/** The columns of data. Throws `plot.data`. */
export function columnsOf(data: PlotData): Columns {
  if (typeof data !== 'object' || data === null) throw dataError(data)
  if (isArrowTable(data)) {
    if (data.numRows > ROWS)
      throw userError('plot.data', `${data.numRows} rows; select fewer, or aggregate them by sql`)
    return new Map(data.schema.fields.map(({ name }, i) => [name, [...(data.getChildAt(i) ?? [])]]))
  }
  if (Array.isArray(data) && data.every(isRow)) {
    const names = new Set(data.flatMap((row) => Object.keys(row)))
    if (data.length > 0) return new Map([...names].map((name) => [name, data.map((row) => row[name])]))
  }
  const alone = valuesOf(data)
  if (alone) return new Map([['value', alone]])
  const named = Object.entries(data).map(([name, column]) => [name, valuesOf(column)] as const)
  if (named.length === 0 || named.some(([, values]) => !values)) throw dataError(data)
  return new Map(named as [string, readonly unknown[]][])
}

/** Values of an array, a typed array, a tensor, an Arrow vector; `undefined` of others. */
export function valuesOf(data: unknown): readonly unknown[] | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  if (Array.isArray(data)) return data
  const elements = elementsOf(data)
  if (elements) return Array.from(elements.values)
  return 'type' in data && Symbol.iterator in data ? [...(data as unknown as Iterable<unknown>)] : undefined
}

/** A column by its name. Throws `plot.column`, which lists those that there are. */
export function column(columns: Columns, name: string): readonly unknown[] {
  const found = columns.get(name)
  if (!found) throw userError('plot.column', `there is no column ${name}; there are ${[...columns.keys()].join(', ')}`)
  return found
}

/** A value as a number to draw by; dates by their time, what is no number as NaN. */
export function numberOf(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint' || value instanceof Date) return Number(value)
  return Number.NaN
}

function isRow(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
}

function dataError(data: unknown): Error {
  const found = data === null ? 'null' : Array.isArray(data) ? 'an array' : `a ${typeof data}`
  return userError('plot.data', `expected an Arrow table, { name: values }, rows as objects, or values, found ${found}`)
}
