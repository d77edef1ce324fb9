import type { DuckDBConnection } from '@duckdb/node-api'
import { limit } from '../../base/index.ts'

/** A DuckDB that can read one file, and do nothing else to the machine. */
export interface SealedFile {
  /** A connection for one query at a time; to be closed, or by {@link close}. */
  connect(): Promise<DuckDBConnection>
  close(): void
}

/**
 * A DuckDB in memory, of its own, sealed before it looks at anything: it opens `path` and no other file, writes none,
 * attaches none, loads and installs no extension, and its settings are locked, so that neither a file's content nor a
 * query gets out of it. Ten milliseconds, one thread, memory up to the limit `tableMemoryBytes`, nothing spilled to disk.
 */
export async function sealedFile(path: string): Promise<SealedFile> {
  const { DuckDBInstance } = await import('@duckdb/node-api') // 70 MB that most processes can do without
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1', // rows in their order, and the other cores are the engine's
    memory_limit: `${limit('tableMemoryBytes')}B`,
    temp_directory: '',
    autoload_known_extensions: 'false',
    autoinstall_known_extensions: 'false',
    allow_community_extensions: 'false',
  })
  try {
    const connection = await instance.connect()
    await connection.run(`SET allowed_paths = [${quotedText(path)}]`)
    await connection.run('SET enable_external_access = false')
    await connection.run('SET lock_configuration = true')
    connection.closeSync()
  } catch (error) {
    instance.closeSync()
    throw error
  }
  return { connect: () => instance.connect(), close: () => instance.closeSync() }
}

/** A name as an SQL identifier. */
export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text as an SQL literal. */
export function quotedText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
