import type { NamedTensors } from '../tensor/index.ts'
import type { TensorSpec } from './signature.ts'

/** What a source is read from: Arrow IPC, JSON lines, Parquet, CSV, JSON, a folder of images, or tensors in memory. */
export type SourceFormat = 'arrow' | 'jsonl' | 'parquet' | 'csv' | 'json' | 'images' | 'tensors'

/**
 * Columns of inputs that are not called as theirs: one name, or several whose values stand side by side in each row. A
 * name that ends with `*` means all that begin so, in the order of the file: `{ pixels: 'pixel*' }`.
 */
export type ColumnChoice = Readonly<Record<string, string | readonly string[]>>

/** How to open a {@link Source}. */
export interface SourceOptions {
  /** The inputs of the graph that the source has to feed; each takes the column of its name. Axis 0 is the batch. */
  readonly inputs: readonly TensorSpec[]
  /** Default: what the graph fixes axis 0 to, else 32. */
  readonly rowsPerBatch?: number
  /** Default: told by the path. */
  readonly format?: SourceFormat
  /** For Parquet, CSV and JSON. Default: columns are called as the inputs. */
  readonly columns?: ColumnChoice
  /** Refuse NaN and infinities. Default: true. */
  readonly finite?: boolean
}

/** Rows for a graph, in order, of which only a few batches are in memory at a time. */
export interface Source {
  readonly format: SourceFormat
  /** Rows in all; `undefined` for text (JSON lines, CSV, JSON), which would have to be read for it. */
  readonly rows: number | undefined
  readonly rowsPerBatch: number
  /** Changes when the data does, as far as sizes and modification times (in memory: content) tell. SHA-256. */
  readonly identity: string
  /**
   * Batches of `rowsPerBatch` rows (the last may be smaller) beginning with row `fromRow`. Reads ahead by the limit
   * `batchesAhead` and no further than they are taken. May be called again, to go on from another row.
   *
   * Throws `source.empty`, `source.dtype`, `source.shape`, `source.missing-value`, `source.not-finite`,
   * `source.bad-line`, `source.bad-image`, `source.malformed`, `aborted`.
   */
  batches(fromRow?: number, signal?: AbortSignal): AsyncGenerator<Batch, void, undefined>
  /** Lets go of what it reads from; batches that were given stay good. */
  close(): Promise<void>
}

/** Consecutive rows. */
export interface Batch {
  readonly firstRow: number
  readonly rows: number
  /** By graph input; axis 0 is `rows` long. */
  readonly tensors: NamedTensors
  /** What each row is called, where rows have names: the file of an image, relative to its folder. */
  readonly labels?: readonly string[]
}

/** What a format has to bring; {@link Source} is made from it. */
export interface Loader {
  readonly format: SourceFormat
  readonly rows: number | undefined
  readonly identity: string
  /** Rows from `fromRow` on in pieces of any size, checked against the inputs' dtypes and shapes. */
  pieces(fromRow: number, signal?: AbortSignal): AsyncIterable<Piece>
  close(): Promise<void>
}

/** Consecutive rows as a loader comes by them. */
export type Piece = Omit<Batch, 'firstRow'>
