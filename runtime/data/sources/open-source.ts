import { stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { Table } from 'apache-arrow'
import { aborted, canonicalBytes, limit, sha256, userError } from '../../base/index.ts'
import type { NamedTensors } from '../tensor/index.ts'
import { batchRows, checkBatch, checkRemainder } from './batch-check.ts'
import { type ByteSource, bytesInMemory, openBytes } from './byte-source.ts'
import { imagesLoader } from './images.ts'
import { jsonLinesLoader } from './json-lines.ts'
import { readAhead } from './read-ahead.ts'
import { rebatch } from './rebatch.ts'
import { unreadable } from './refusals.ts'
import type { Loader, Source, SourceFormat, SourceOptions } from './source.ts'
import { tensorsLoader } from './tensors.ts'

/**
 * Opens rows for a graph: the path of an Arrow IPC file or stream, of a JSON lines, Parquet, CSV or JSON file, or of a
 * folder of images, an Arrow table, or tensors whose axis 0 is the rows. What is wrong with a whole column is said here, before any row is
 * computed; what is wrong with one row when it is reached.
 *
 * Throws `source.not-found`, `source.format`, `source.empty`, `source.column-missing`, `source.dtype`,
 * `source.shape`, `source.malformed`, `source.bad-line`, `source.bad-image`, `source.too-many`.
 */
export async function openSource(input: string | Table | NamedTensors, options: SourceOptions): Promise<Source> {
  const rowsPerBatch = batchRows(options)
  const loader = await openLoader(input, options, rowsPerBatch)
  await orClose(loader, async () => checkRemainder(loader.rows, options))
  return {
    format: loader.format,
    rows: loader.rows,
    rowsPerBatch,
    identity: loader.identity,
    async *batches(fromRow = 0, signal) {
      if (signal?.aborted) throw aborted()
      const batches = rebatch(loader.pieces(fromRow, signal), rowsPerBatch, fromRow, signal)
      try {
        for await (const batch of readAhead(() => batches.next(), limit('batchesAhead'))) {
          checkBatch(batch, options)
          yield batch
        }
      } finally {
        await batches.return()
      }
    },
    close: () => loader.close(),
  }
}

async function openLoader(
  input: string | Table | NamedTensors,
  { inputs, format, columns }: SourceOptions,
  rowsPerPiece: number,
): Promise<Loader> {
  async function openArrow(bytes: ByteSource, identity: string): Promise<Loader> {
    const { arrowLoader } = await import('./arrow.ts') // apache-arrow takes 0.1 s and 20 MB
    return orClose(bytes, () => arrowLoader({ bytes, identity, inputs, rowsPerPiece }))
  }
  if (typeof input === 'string') {
    const { isFolder, identity } = await look(input)
    const found = formatOf(input, isFolder, format)
    switch (found) {
      case 'jsonl':
        return jsonLinesLoader({ path: input, identity, inputs })
      case 'parquet':
      case 'csv':
      case 'json': {
        const { tableFileLoader } = await import('../table/index.ts') // DuckDB
        return tableFileLoader({ path: input, format: found, identity, inputs, ...(columns && { columns }) })
      }
      case 'images':
        return imagesLoader({ path: input, identityOf: (files) => folderIdentity(input, files), inputs })
      default:
        return openArrow(await openBytes(input), identity)
    }
  }
  if (!isTable(input)) return tensorsLoader(input, inputs)
  const { tableToIPC } = await import('apache-arrow')
  const bytes = tableToIPC(input, 'stream')
  return openArrow(bytesInMemory('the table', bytes), sha256(bytes))
}

const FORMATS: Readonly<Record<string, SourceFormat>> = {
  '.parquet': 'parquet',
  '.csv': 'csv',
  '.tsv': 'csv',
  '.json': 'json',
  '.arrow': 'arrow',
  '.arrows': 'arrow',
  '.feather': 'arrow',
  '.ipc': 'arrow',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
}

function formatOf(path: string, isFolder: boolean, given: SourceFormat | undefined): SourceFormat {
  const format = given ?? (isFolder ? 'images' : FORMATS[extname(path).toLowerCase()])
  if (format && format !== 'tensors' && isFolder === (format === 'images')) return format
  throw userError(
    'source.format',
    `${path}: expected a file of ${Object.keys(FORMATS).join(', ')} or a folder of images, found a ` +
      `${isFolder ? 'folder' : 'file'}${given ? ` to be read as ${given}` : ''}; convert it, or say which format it is`,
    { path },
  )
}

async function look(path: string): Promise<{ isFolder: boolean; identity: string }> {
  const found = await stat(path).catch((cause) => {
    throw unreadable(path, cause)
  })
  return { isFolder: found.isDirectory(), identity: sha256(canonicalBytes([found.size, found.mtimeMs])) }
}

async function folderIdentity(path: string, files: readonly string[]): Promise<string> {
  const identities: unknown[] = []
  for (const file of files) identities.push([file, (await look(join(path, file))).identity])
  return sha256(canonicalBytes(identities))
}

/** Closes what was opened when what follows fails. */
async function orClose<T>(opened: { close(): Promise<void> }, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await opened.close()
    throw error
  }
}

function isTable(input: Table | NamedTensors): input is Table {
  return Array.isArray((input as Table).batches)
}
