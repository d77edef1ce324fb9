import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { sha256All } from '../../base/index.ts'
import type { StepSignature } from '../../compute/graph/index.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import { safetensorsHead } from '../../data/tensor/safetensors.ts'
import type { TrainingData } from './definition.ts'
import { rowsOf, type WrittenRows } from './training-rows.ts'

/**
 * The files of one training, or of the many of a sweep, on their way to the node: what has the same bytes is one file, and
 * data that several trainings name are written once.
 */
export class TrainingFolder {
  readonly #dir: string
  readonly #rows: { readonly data: TrainingData; readonly columns: string; readonly written: Promise<WrittenRows> }[] =
    []
  readonly #files = new Map<string, Promise<string>>()

  private constructor(dir: string) {
    this.#dir = dir
  }

  /** An empty one. */
  static async make(): Promise<TrainingFolder> {
    return new TrainingFolder(await mkdtemp(join(tmpdir(), 'aivida-training-')))
  }

  /** Writes a file whose name ends in `name`; gives its path. */
  put(name: string, pieces: readonly Uint8Array[]): Promise<string> {
    const unique = `${sha256All(pieces).slice(0, 32)}-${name}`
    const known = this.#files.get(unique)
    if (known) return known
    const path = join(this.#dir, unique)
    const written = pipeline(Readable.from(pieces), createWriteStream(path)).then(() => path)
    this.#files.set(unique, written)
    return written
  }

  /** Writes tensors as a safetensors file; gives its path. */
  putTensors(name: string, tensors: NamedTensors): Promise<string> {
    const entries = Object.entries(tensors).map(([tensor, value]) => ({ name: tensor, ...value }))
    return this.put(name, [safetensorsHead(entries), ...entries.map(({ data }) => data)])
  }

  /** The rows of a step as a row file. Throws as {@link rowsOf} does. */
  rows(data: TrainingData, signature: StepSignature): Promise<WrittenRows> {
    const columns = JSON.stringify(signature.batch.map(({ name, dtype, shape }) => [name, dtype, shape.slice(1)]))
    const known = this.#rows.find((each) => each.columns === columns && isSame(each.data, data))
    if (known) return known.written
    const written = rowsOf(join(this.#dir, `data-${this.#rows.length}.rows`), data, signature)
    this.#rows.push({ data, columns, written })
    return written
  }

  /** Removes the files; the node has its own copies once it has taken the job. */
  remove(): Promise<void> {
    return rm(this.#dir, { recursive: true, force: true })
  }
}

/** Whether they are the same rows, as far as that shows without reading them. */
function isSame(one: TrainingData, other: TrainingData): boolean {
  if (one === other) return true
  if (typeof one === 'string' || typeof other === 'string' || 'gather' in one || 'gather' in other) return false
  const names = Object.keys(one)
  const tensors = other as NamedTensors
  return (
    names.length === Object.keys(tensors).length &&
    names.every((name) => (one as NamedTensors)[name]!.data === tensors[name]?.data)
  )
}
