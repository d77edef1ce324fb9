import { type AividaError, assertNever, canonicalBytes, sha256, userError } from '../../base/index.ts'
import { encodeText, memoryTable, type RowColumn, type RowTable } from '../rows/index.ts'
import { type NamedTensors, sliceRows, type Tensor } from '../tensor/index.ts'
import { datasetFile, datasetFolder } from './dataset-files.ts'
import type { ColumnOrigin, DatasetManifest, DatasetSplit } from './dataset-manifest.ts'
import { readIdx } from './idx.ts'

/** A split of a data set, in memory. */
export interface Dataset {
  readonly manifest: DatasetManifest
  readonly split: string
  /** `[rows, ...shape]` for each column; what `openSource` takes. */
  readonly tensors: NamedTensors
  readonly table: RowTable
}

/** How to open a {@link Dataset}. */
export interface OpenDatasetOptions {
  /** Where its files lie. Default: where the package of its source is installed. */
  readonly folder?: string
}

/**
 * Reads a split of a data set whose every byte is the one its manifest names. Throws `data.missing` and `data.hash`
 * (with the command that fetches it), `data.split`, `data.schema`, `source.malformed`, `rows.symbol`.
 */
export async function openDataset(
  manifest: DatasetManifest,
  split: string,
  options: OpenDatasetOptions = {},
): Promise<Dataset> {
  const wanted = splitOf(manifest, split)
  const folder = options.folder ?? datasetFolder(manifest)
  const read = (origin: ColumnOrigin) => datasetFile(manifest, folder, origin.file)
  const tensors: Record<string, Tensor> = {}
  for (const column of manifest.columns) {
    const origin = wanted.columns[column.name]
    if (!origin) throw schemaError(manifest, `the split ${split} does not say where ${column.name} is`)
    tensors[column.name] = columnOf(column, origin, await read(origin))
    checkSchema(manifest, column, wanted.rows, tensors[column.name]!)
  }
  const symbols = Object.fromEntries(
    manifest.columns.flatMap(({ name, symbols }) => (symbols ? [[name, symbols]] : [])),
  )
  const identity = sha256(canonicalBytes([manifest.name, manifest.files, wanted, manifest.columns]))
  return { manifest, split, tensors, table: memoryTable(tensors, { identity, symbols }) }
}

function splitOf(manifest: DatasetManifest, split: string): DatasetSplit {
  if (Object.hasOwn(manifest.splits, split)) return manifest.splits[split]!
  const known = Object.keys(manifest.splits)
  throw userError('data.split', `${manifest.title} has no split ${split}; expected one of ${known.join(', ')}`, {
    known,
  })
}

function columnOf(column: RowColumn, origin: ColumnOrigin, bytes: Uint8Array): Tensor {
  switch (origin.format) {
    case 'idx':
      return readIdx(bytes, origin.file)
    case 'characters': {
      const text = encodeText(new TextDecoder('utf-8', { fatal: true }).decode(bytes), column.symbols ?? [])
      return sliceRows(text, origin.from, origin.to)
    }
    default:
      return assertNever(origin)
  }
}

function checkSchema(manifest: DatasetManifest, column: RowColumn, rows: number, found: Tensor): void {
  const { name, dtype, shape } = column
  if (found.dtype === dtype && `${found.shape}` === `${[rows, ...shape]}`) return
  throw schemaError(
    manifest,
    `${name} is to be ${dtype}[${[rows, ...shape]}], and its file has ${found.dtype}[${found.shape}]`,
  )
}

/** `data.schema`: the manifest contradicts itself or its files. */
function schemaError({ name, title }: DatasetManifest, why: string): AividaError {
  return userError('data.schema', `${title}: ${why}; correct the manifest`, { dataset: name })
}
