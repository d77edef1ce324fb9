import { mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type AividaError, limit, sha256, userError } from '../../base/index.ts'
import { type ArchivedFile, readTar } from '../../data/archive/index.ts'
import type { BlobStore } from '../../data/blob/index.ts'
import { type ByteSource, openBytes } from '../../data/sources/byte-source.ts'
import { readPart } from '../../data/sources/parts.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import type { BlobRef, ResultPart } from '../../protocol/index.ts'
import { blobFile, decodeManifest, MANIFEST_FILE, malformed, metricsFile } from './bundle-manifest.ts'
import { contentsOf, isTrainingRecord, type TrainingRecord } from './contents.ts'

/** How a bundle is opened. */
export interface OpenBundleOptions {
  /** Takes what it holds. */
  readonly blobs: BlobStore
  /** A folder that is empty: the metrics go there. */
  readonly dir: string
  /** Files in which to look for rows that were left out. Default: `HASH.rows` beside the bundle alone. */
  readonly data?: readonly string[]
  readonly signal?: AbortSignal
}

/** What a bundle holds stays in the store. */
const PIN = { owner: 'bundle' }

/** A bundle whose bytes are what its manifest says they are. */
export interface OpenedBundle {
  readonly record: TrainingRecord
  /** Columns of what was measured at each step of a part. */
  metrics(part: ResultPart): Promise<NamedTensors>
}

/**
 * Opens a bundle, every byte of it checked. Throws `bundle.malformed`, `bundle.version`, `bundle.altered` for content that
 * another hash was recorded of, `bundle.no-data` for rows that were left out and are not beside it, `source.not-found`, `disk.*`.
 */
export async function openBundle(path: string, options: OpenBundleOptions): Promise<OpenedBundle> {
  const { blobs, dir, data = [], signal } = options
  const source = await openBytes(path)
  try {
    const files = new Map((await readTar(source)).map((file) => [file.name, file]))
    const { record, contents } = decodeManifest(await manifestBytes(source, files.get(MANIFEST_FILE)))
    if (!isTrainingRecord(record)) throw malformed('it is of no training')
    const included = new Set(contents.filter((content) => content.included).map(({ blob }) => blob))
    for (const content of contentsOf(record)) {
      signal?.throwIfAborted()
      if (included.has(content.blob)) await keep(source, files.get(blobFile(content.blob)), content, blobs, signal)
      else if (content.role === 'rows' || content.role === 'evaluation rows')
        await findBeside(content, blobs, [join(dirname(path), `${content.blob}.rows`), ...data])
      else if (content.role !== 'last state' && content.role !== 'best state')
        throw malformed(`the ${content.role}, ${content.blob}, is not in it`)
    }
    await mkdir(dir, { recursive: true })
    for (const [index, part] of record.parts.entries())
      await extract(source, files.get(metricsFile(part)), part, dir, index)
    return { record, metrics: ({ index }) => readPart(join(dir, partFile(index))) }
  } finally {
    await source.close()
  }
}

async function manifestBytes(source: ByteSource, file: ArchivedFile | undefined): Promise<Uint8Array> {
  if (!file) throw malformed(`it has no ${MANIFEST_FILE}`)
  if (file.sizeBytes > limit('bundleManifestBytes'))
    throw malformed(
      `its ${MANIFEST_FILE} has ${file.sizeBytes} bytes; at most ${limit('bundleManifestBytes')} are read`,
    )
  return source.read(file.at, file.sizeBytes)
}

/** Content of the archive as a blob. */
async function keep(
  source: ByteSource,
  file: ArchivedFile | undefined,
  { blob, sizeBytes }: BlobRef,
  blobs: BlobStore,
  signal: AbortSignal | undefined,
): Promise<void> {
  const name = blobFile(blob)
  if (!file) throw malformed(`${name} is not in it`)
  if (file.sizeBytes !== sizeBytes) throw altered(name, `${sizeBytes} bytes`, `${file.sizeBytes}`)
  const found = await blobs.put(contentOf(source, file), { pin: PIN, ...(signal && { signal }) })
  if (found.blob !== blob) throw altered(name, blob, found.blob)
}

async function* contentOf(source: ByteSource, { at, sizeBytes }: ArchivedFile): AsyncGenerator<Uint8Array> {
  const most = limit('chunkBytes')
  for (let offset = 0; offset < sizeBytes; offset += most)
    yield await source.read(at + offset, Math.min(most, sizeBytes - offset))
}

async function findBeside(wanted: BlobRef, blobs: BlobStore, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if (blobs.has(wanted.blob)) return
    const size = await stat(path).then(
      ({ size }) => size,
      () => undefined,
    )
    if (size === wanted.sizeBytes) await blobs.putFile(path, { pin: PIN })
  }
  if (blobs.has(wanted.blob)) return
  throw userError(
    'bundle.no-data',
    `the bundle was made without its rows (${wanted.sizeBytes} bytes, hash tree root ${wanted.blob}); give the row file with --data, or put it beside the bundle as ${wanted.blob}.rows`,
    { blob: wanted.blob, sizeBytes: wanted.sizeBytes },
  )
}

async function extract(
  source: ByteSource,
  file: ArchivedFile | undefined,
  part: ResultPart,
  dir: string,
  index: number,
): Promise<void> {
  const name = metricsFile(part)
  if (!file) throw malformed(`${name} is not in it`)
  if (part.index !== index) throw malformed(`part ${index} of its record is part ${part.index}`)
  if (file.sizeBytes > limit('recordBatchBytes')) throw malformed(`${name} has ${file.sizeBytes} bytes`)
  const bytes = await source.read(file.at, file.sizeBytes)
  const found = sha256(bytes)
  if (found !== part.sha256) throw altered(name, part.sha256, found)
  await writeFile(join(dir, partFile(index)), bytes)
}

function partFile(index: number): string {
  return `${index}.arrow`
}

function altered(name: string, expected: string, found: string): AividaError {
  return userError(
    'bundle.altered',
    `${name} is not what was recorded: expected ${expected}, found ${found}; copy the bundle again, or have it made again`,
    { file: name, expected, found },
  )
}
