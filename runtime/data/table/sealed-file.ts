import type { DuckDBConnection } from '@duckdb/node-api'
import { limit } from '../../base/index.ts'

/** A DuckDB that can read what it was opened for, and do nothing else to the machine. */
export interface SealedDatabase {
  /** A connection for one query at a time; to be closed, or by {@link close}. */
  connect(): Promise<DuckDBConnection>
  close(): void
}

/** What a {@link SealedDatabase} is opened for. */
export interface SealedDatabaseInit {
  /** Files that it can read ... */
  readonly files: readonly string[]
  /** ... and folders, with all that is in them. Default: none. */
  readonly folders?: readonly string[]
  /** Default: 1, which keeps rows in their order, and leaves the other cores to the engine. */
  readonly threads?: number
  /** Default: the limit `tableMemoryBytes`. */
  readonly memoryBytes?: number
}

/** A DuckDB for one file: see {@link sealedDatabase}. */
export function sealedFile(path: string): Promise<SealedDatabase> {
  return sealedDatabase({ files: [path] })
}

/**
 * A DuckDB in memory, of its own, sealed before it looks at anything: it opens what is named and no other file, writes none,
 * attaches none, loads and installs no extension, and its settings are locked, so that neither a file's content nor a
 * query gets out of it. Ten milliseconds; nothing is spilled to disk.
 */
export async function sealedDatabase({
  files,
  folders = [],
  threads = 1,
  memoryBytes = limit('tableMemoryBytes'),
}: SealedDatabaseInit): Promise<SealedDatabase> {
  const { DuckDBInstance } = await import('@duckdb/node-api') // 70 MB that most processes can do without
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(threads),
    memory_limit: `${memoryBytes}B`,
    temp_directory: '',
    autoload_known_extensions: 'false',
    autoinstall_known_extensions: 'false',
    allow_community_extensions: 'false',
  })
  try {
    const connection = await instance.connect()
    if (files.length > 0) await connection.run(`SET allowed_paths = [${files.map(quotedText).join(', ')}]`)
    if (folders.length > 0) await connection.run(`SET allowed_directories = [${folders.map(quotedText).join(', ')}]`)
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
