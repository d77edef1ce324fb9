import type { Table } from 'apache-arrow'
import { AividaError } from '../../runtime/base/errors.ts'

/**
 * Asks DuckDB, in this process. As a tag, values that stand in the text become parameters, and tables become relations:
 * `await sql\`select label, count(*) from ${rows} group by label\``. As a function, relations are given by name:
 * `await sql('select * from rows', { rows })`. A file is named in quotes: `from 'rows.parquet'`. Gives an Arrow table. Throws
 * `sql.*`.
 */
export interface Sql {
  (pieces: TemplateStringsArray, ...values: readonly unknown[]): Promise<Table>
  (query: string, relations?: Readonly<Record<string, Table>>): Promise<Table>
}

/** See {@link Sql}. */
export const sql: Sql = async (_query: TemplateStringsArray | string, ..._rest: readonly unknown[]): Promise<Table> => {
  throw new AividaError({ code: 'sql.not-here', category: 'internal', message: 'queries are not here yet' })
}
