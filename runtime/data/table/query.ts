import { availableParallelism } from 'node:os'
import { type DuckDBConnection, DuckDBTimestampValue, type DuckDBValue, StatementType } from '@duckdb/node-api'
import type { Table } from 'apache-arrow'
import { AividaError, aborted, every, isAividaError, limit, systemClock, userError } from '../../base/index.ts'
import { nearest } from '../../base/nearest.ts'
import { addTable } from './arrow-into-duckdb.ts'
import { arrowTableOf } from './duckdb-into-arrow.ts'
import { namedFiles } from './named-files.ts'
import { sealedDatabase } from './sealed-file.ts'
import { sqlTokens } from './sql-tokens.ts'

/** What is asked. */
export interface TableQuery {
  /** One SELECT. Files stand in it in single quotes: `FROM 'rows.parquet'`, from the process's folder; values as `$1`, `$2`, ... */
  readonly sql: string
  readonly values?: readonly unknown[]
  /** Tables that it may name; those that it does are copied. */
  readonly tables?: Readonly<Record<string, Table>>
  readonly signal?: AbortSignal
}

/** Threads of a query: the engine and the node have the others. */
const THREADS = 4
/** Between two interrupts of a query. */
const INTERRUPT_MS = 20

/**
 * Asks a DuckDB of its own, which can read the tables and the files that the query names, and nothing else: it writes nothing and
 * reaches no network. Gives an Arrow table, in memory as a whole. Throws `sql.*`: `sql.failed` in DuckDB's words, `sql.no-table`,
 * `sql.not-a-select`, `sql.type`, `sql.memory`; `aborted`.
 */
export async function queryTables({ sql, values = [], tables = {}, signal }: TableQuery): Promise<Table> {
  if (signal?.aborted) throw aborted()
  const threads = Math.max(1, Math.min(THREADS, availableParallelism() - 1))
  const { files, folders } = await namedFiles(sql)
  const database = await sealedDatabase({ files, folders, threads, memoryBytes: limit('queryMemoryBytes') })
  try {
    const connection = await database.connect()
    let still = () => {}
    // again and again: one that comes before the query has begun is lost
    const interrupt = () => {
      still = every(systemClock, INTERRUPT_MS, () => connection.interrupt())
    }
    signal?.addEventListener('abort', interrupt, { once: true })
    if (signal?.aborted) interrupt() // while it was being opened
    try {
      for (const [name, table] of named(sql, tables)) await addTable(connection, name, table)
      return await selected(connection, sql, values)
    } finally {
      signal?.removeEventListener('abort', interrupt)
      still()
    }
  } catch (error) {
    if (signal?.aborted) throw aborted('the query was interrupted', error)
    throw queryError(error, Object.keys(tables))
  } finally {
    database.close()
  }
}

/** The tables whose names stand somewhere in a query: it may select from no others. SQL does not tell cases apart. */
function named(sql: string, tables: Readonly<Record<string, Table>>): (readonly [name: string, table: Table])[] {
  const words = new Set(
    sqlTokens(sql).flatMap(({ kind, text }) => (kind === 'word' || kind === 'quoted' ? text.toLowerCase() : [])),
  )
  return Object.entries(tables).filter(([name]) => words.has(name.toLowerCase()))
}

async function selected(connection: DuckDBConnection, sql: string, values: readonly unknown[]): Promise<Table> {
  if (sqlTokens(sql).length === 0) throw userError('sql.not-a-select', 'expected a SELECT, found nothing')
  const statements = await connection.extractStatements(sql)
  if (statements.count !== 1)
    throw userError('sql.not-a-select', `expected one SELECT, found ${statements.count} statements`)
  const prepared = await statements.prepare(0)
  const { statementType } = prepared
  if (statementType !== StatementType.SELECT && statementType !== StatementType.EXPLAIN)
    throw userError(
      'sql.not-a-select',
      `expected a SELECT, found ${StatementType[statementType]}: tables are made by cells, and files written by them`,
    )
  if (values.length > 0) prepared.bind(values.map(bound))
  return arrowTableOf(await prepared.stream())
}

function bound(value: unknown, i: number): DuckDBValue {
  if (value instanceof Date) return new DuckDBTimestampValue(BigInt(value.getTime()) * 1_000n)
  if (value === undefined) return null
  if (value === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof value)) return value as DuckDBValue
  throw userError(
    'sql.value',
    `value ${i + 1} of the query is a ${typeof value}; expected a number, a text, a date or a table`,
  )
}

function queryError(error: unknown, tables: readonly string[]): AividaError {
  if (isAividaError(error)) return error
  const words = (error instanceof Error ? error.message : String(error)).replace(/^Failed to [a-z ]+: /, '')
  const missing = /^Catalog Error: Table with name (.+?) does not exist!/.exec(words)?.[1]
  if (missing !== undefined) {
    const near = nearest(missing, tables)
    const known =
      near === undefined ? (tables.length > 0 ? `; there are ${tables.join(', ')}` : '') : `; did you mean ${near}?`
    const message = `there is no table ${missing}${known}. A file stands in single quotes: FROM 'rows.parquet'`
    return userError('sql.no-table', message)
  }
  const closed = /file "(.+?)" - file system operations are disabled/.exec(words)?.[1]
  if (closed !== undefined) {
    const remote = /^[a-z0-9]+:\/\//i.test(closed)
    const remedy = remote ? `bring it here first: (await cluster.data.add('${closed}')).path` : 'check the path'
    return userError('sql.no-file', `there is no file ${closed}; ${remedy}`)
  }
  if (words.startsWith('Out of Memory'))
    return new AividaError({
      code: 'sql.memory',
      category: 'user',
      message: `the query takes more than ${limit('queryMemoryBytes')} bytes; select less, or aggregate`,
      cause: error,
    })
  return new AividaError({ code: 'sql.failed', category: 'user', message: words, cause: error })
}
