import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, sha256All, userError } from '../../base/index.ts'
import { type Disk, replaceFiles, systemDisk, TEMPORARY } from '../../log/disk.ts'
import { diskError } from '../blob/disk-error.ts'
import { concatRows, type NamedTensors, type Tensor, tensorOf } from '../tensor/index.ts'
import { openBytes } from './byte-source.ts'
import { malformed, unreadable } from './refusals.ts'

/** Results of consecutive rows, to become one file. */
export interface Part {
  /** Its place among the parts: 0 first. */
  readonly index: number
  /** The row of the source that it begins with. */
  readonly firstRow: number
  readonly rows: number
  /** By graph output; axis 0 is `rows` long. */
  readonly tensors: NamedTensors
  /** What each row is called, where rows have names. */
  readonly labels?: readonly string[]
}

/** A part on disk. */
export interface WrittenPart extends Pick<Part, 'index' | 'firstRow' | 'rows'> {
  /** Its name in the folder. */
  readonly file: string
  /** Of the file's bytes, which are the same whenever the same part is written. */
  readonly sha256: Digest
}

/** apache-arrow takes 0.1 s and 20 MB: loaded with the first part. */
let arrow: Promise<typeof import('../tensor/arrow.ts')> | undefined

/**
 * Writes parts as Arrow IPC files, durably and at once: each is there whole or not at all, and all are when this
 * resolves. Columns: `row` (int64, the row of the source), `file` where rows have names, then each output in the order
 * of their names, as a primitive or a FixedSizeList (see `toRowBatch`). The folder is made when it is missing.
 *
 * Throws `disk.full`, `disk.failed`, `part.name-taken`, `tensor.shape` when an output has another number of rows.
 */
export async function writeParts(
  dir: string,
  parts: readonly Part[],
  disk: Disk = systemDisk,
): Promise<readonly WrittenPart[]> {
  arrow ??= import('../tensor/arrow.ts')
  const { arrowFile, toRowBatch } = await arrow
  const files: { name: string; pieces: Uint8Array[] }[] = []
  for (const part of parts)
    files.push({ name: partName(part.index), pieces: await Array.fromAsync(arrowFile([toRowBatch(columnsOf(part))])) })
  try {
    await disk.makeDir(dir)
    await replaceFiles(disk, dir, files)
  } catch (error) {
    for (const { name } of files) await disk.remove(join(dir, `${name}${TEMPORARY}`)).catch(() => {}) // it only takes room
    throw diskError(error, dir)
  }
  return parts.map(({ index, firstRow, rows }, i) => ({
    index,
    file: files[i]!.name,
    firstRow,
    rows,
    sha256: sha256All(files[i]!.pieces),
  }))
}

/** The columns of a part's file as tensors of its rows. Throws `source.not-found`, `source.malformed`. */
export async function readPart(path: string): Promise<NamedTensors> {
  const [{ arrowBatches }, { columnRows }] = await Promise.all([
    import('./arrow-batches.ts'),
    import('./arrow-column.ts'),
  ])
  const bytes = await openBytes(path)
  try {
    const batches = await arrowBatches(bytes)
    const [address] = batches.addresses
    if (!address) throw malformed(path, 'expected a part of a result, found no rows')
    const { data } = await batches.read(address)
    return Object.fromEntries(
      batches.schema.fields.map((field, i) => [field.name, columnRows(field, data.children[i]!, 0, address.rows, 0)]),
    )
  } finally {
    await bytes.close()
  }
}

/**
 * All parts of a folder as one: every column with all its rows, in order; parts without rows, of checkpoints, aside. For results that fit in memory; others are
 * read part by part. Throws `part.missing` when there is a gap or nothing, `tensor.shape` when the shapes of rows
 * differ between parts, and what {@link readPart} throws.
 */
export async function readParts(dir: string): Promise<NamedTensors> {
  const found = await readdir(dir).catch((cause) => {
    throw unreadable(dir, cause)
  })
  const files = new Set(found.filter((file) => PART.test(file)))
  const parts: NamedTensors[] = []
  for (let index = 0; index < Math.max(1, files.size); index++) {
    const file = partName(index)
    if (!files.has(file)) throw userError('part.missing', `${dir} has no ${file}; is the job done?`, { file })
    const part = await readPart(join(dir, file))
    if (part.row?.shape[0] !== 0) parts.push(part)
  }
  if (parts.length === 0) throw userError('part.missing', `${dir} has no part with rows; is the job done?`)
  const names = Object.keys(parts[0]!)
  return Object.fromEntries(names.map((name) => [name, concatRows(parts.map((part) => columnOf(part, name)))]))
}

const PART = /^part-\d{5,}\.arrow$/

function partName(index: number): string {
  return `part-${String(index).padStart(5, '0')}.arrow`
}

function columnsOf({ firstRow, rows, tensors, labels }: Part): NamedTensors {
  const row = tensorOf(BigInt64Array.from({ length: rows }, (_, i) => BigInt(firstRow + i)))
  const own = { row, ...(labels && { file: tensorOf(labels) }) }
  const outputs = Object.keys(tensors).sort()
  const taken = outputs.find((name) => Object.hasOwn(own, name))
  if (taken !== undefined)
    throw userError('part.name-taken', `an output is called ${taken}, as is a column of every result; rename it`)
  return { ...own, ...Object.fromEntries(outputs.map((name) => [name, tensors[name]!])) }
}

function columnOf(part: NamedTensors, name: string): Tensor {
  const column = part[name]
  if (!column) throw userError('part.missing', `a part of the result has no column ${name}; do they belong together?`)
  return column
}
