import type { Table } from 'apache-arrow'
import { userError } from '../../runtime/base/errors.ts'
import { currentCell } from '../cell.ts'

/** Something that a query can select from: an Arrow table, or rows as objects, as JSON has them. */
export type Relation = Table | readonly Readonly<Record<string, unknown>>[]

/** A query as a template: values that stand in it become parameters, and tables become relations. */
export type SqlTag = (pieces: TemplateStringsArray, ...values: readonly unknown[]) => Promise<Table>

/**
 * Asks DuckDB, in this process. As a tag, values that stand in the text become parameters, and tables become relations:
 * `await sql\`select label, count(*) from ${rows} group by label\``. As a function, relations are given by name:
 * `await sql('select * from rows', { rows })`. A file is named in quotes: `from 'rows.parquet'`. Gives an Arrow table. It reads
 * what the query names, writes nothing and reaches no network; interrupting the cell ends it. Throws `sql.*`.
 */
export interface Sql extends SqlTag {
  (pieces: TemplateStringsArray, ...values: readonly unknown[]): Promise<Table>
  (query: string, relations?: Readonly<Record<string, Relation>>): Promise<Table>
  /** A tag that also knows these relations by name; what `%%sql` is made of. */
  over(relations: Readonly<Record<string, unknown>>): SqlTag
}

/** See {@link Sql}. */
export const sql: Sql = Object.assign(
  (query: TemplateStringsArray | string, ...rest: readonly unknown[]): Promise<Table> =>
    typeof query === 'string'
      ? asked(query, [], (rest[0] ?? {}) as Readonly<Record<string, unknown>>)
      : tagged({}, query, rest),
  {
    over:
      (relations: Readonly<Record<string, unknown>>): SqlTag =>
      (pieces, ...values) =>
        tagged(relations, pieces, values),
  },
)

function tagged(
  relations: Readonly<Record<string, unknown>>,
  { raw }: TemplateStringsArray,
  values: readonly unknown[],
): Promise<Table> {
  const parameters: unknown[] = []
  const named: Record<string, unknown> = { ...relations }
  const places = values.map((value, i) => {
    if (!isRelation(value)) return `$${parameters.push(value)}`
    named[`relation_${i + 1}`] = value
    return `relation_${i + 1}`
  })
  // as it was typed: a backslash is one to SQL, but that before a backtick, which JavaScript asks for
  const text = raw.map((piece, i) => piece.replaceAll('\\`', '`') + (places[i] ?? '')).join('')
  return asked(text, parameters, named)
}

async function asked(
  query: string,
  values: readonly unknown[],
  relations: Readonly<Record<string, unknown>>,
): Promise<Table> {
  const signal = currentCell()?.signal
  const [{ queryTables }, arrow] = await Promise.all([
    import('../../runtime/data/table/index.ts'),
    import('apache-arrow'),
  ])
  const tables = Object.entries(relations).map(([name, value]) => {
    if (!isRelation(value))
      throw userError(
        'sql.not-a-table',
        `${name} is a ${kindOf(value)}; expected an Arrow table, or an array of objects`,
      )
    return [name, 'schema' in value ? value : arrow.tableFromJSON([...value])] as const
  })
  return queryTables({ sql: query, values, tables: Object.fromEntries(tables), ...(signal && { signal }) })
}

function isRelation(value: unknown): value is Relation {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value))
    return value.length > 0 && value.every((row) => typeof row === 'object' && row !== null && !Array.isArray(row))
  return 'batches' in value && 'schema' in value // of whichever copy of the package
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'empty array' : 'array of something else'
  if (value !== null && typeof value === 'object' && 'then' in value) return 'promise: await it'
  return value === null ? 'null' : typeof value
}
