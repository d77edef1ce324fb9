import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { limit } from '../../base/index.ts'
import type { StepSignature } from '../../compute/graph/index.ts'
import { columnBytes, isRowFile, memoryTable, type RowTable, storedTable } from '../../data/rows/index.ts'
import { openBytes } from '../../data/sources/byte-source.ts'
import { openSource, writeRows } from '../../data/sources/index.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import type { TrainingData } from './definition.ts'

/** Where the node reads the rows of a training, and how many they are. */
export interface WrittenRows {
  readonly path: string
  readonly rows: number
}

/**
 * The rows as a row file. What is one already is used where it is; another file or folder is read once, as a source whose
 * columns are called as the step's batch inputs, into `path`: so is what is in memory. Throws `source.*` and `rows.*`.
 */
export async function rowsOf(path: string, data: TrainingData, { batch }: StepSignature): Promise<WrittenRows> {
  if (typeof data !== 'string') {
    const table = isTable(data) ? data : memoryTable(data)
    await writeRows(path, table)
    return { path, rows: table.length }
  }
  const given = resolve(data)
  if (await holdsRows(given)) return { path: given, rows: await rowsIn(given) }
  const columns = batch.map(({ name, dtype, shape }) => ({ name, dtype, shape: shape.slice(1) }))
  const rowBytes = columns.reduce((sum, column) => sum + columnBytes(column), 0)
  const source = await openSource(given, {
    inputs: columns.map(({ shape, ...column }) => ({ ...column, shape: ['rows', ...shape] })),
    rowsPerBatch: Math.max(1, Math.floor(limit('chunkBytes') / Math.max(1, rowBytes))),
  })
  try {
    await writeRows(path, source)
  } finally {
    await source.close()
  }
  return { path, rows: await rowsIn(path) }
}

/** Whether there is a row file; what there is none of, or is a folder, is for {@link openSource} to tell. */
async function holdsRows(path: string): Promise<boolean> {
  const handle = await open(path, 'r').catch(() => undefined)
  if (!handle) return false
  try {
    if (!(await handle.stat()).isFile()) return false
    const head = new Uint8Array(8)
    await handle.read(head, 0, head.byteLength, 0)
    return isRowFile(head)
  } finally {
    await handle.close()
  }
}

async function rowsIn(path: string): Promise<number> {
  const table = await storedTable(await openBytes(path), { identity: path })
  await table.close()
  return table.length
}

function isTable(data: RowTable | NamedTensors): data is RowTable {
  return typeof (data as Partial<RowTable>).gather === 'function'
}
