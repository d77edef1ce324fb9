import { join } from 'node:path'
import { type AividaError, userError } from '../../base/index.ts'
import { type ArchiveFile, tarOf } from '../../data/archive/index.ts'
import { type BlobStore, blobContent, type OpenBlob } from '../../data/blob/index.ts'
import type { Journals } from '../../job/journal/index.ts'
import { type Disk, systemDisk } from '../../log/disk.ts'
import { type JobRecordDocument, type JobStatus, PROTOCOLS, type ResultPart } from '../../protocol/index.ts'
import { VERSION } from '../version.ts'
import { blobFile, encodeManifest, MANIFEST_FILE, manifestOf, metricsFile } from './bundle-manifest.ts'
import { type Content, contentsOf, isData, isTrainingRecord, type TrainingRecord } from './contents.ts'

/** What {@link RecordDesk} needs. */
export interface RecordDeskInit {
  readonly journals: Pick<Journals, 'load'>
  readonly blobs: BlobStore
  readonly disk?: Disk
}

/** Gives the records of this node's jobs, from their journals and what is left of their blobs. */
export class RecordDesk {
  readonly #init: RecordDeskInit

  constructor(init: RecordDeskInit) {
    this.#init = init
  }

  /** How a job has gone so far. Throws `record.none` for one whose journal is not here, `log.*`. */
  async record(status: JobStatus): Promise<JobRecordDocument> {
    const found = await this.#init.journals.load(status.job)
    if (!found) throw userError('record.none', `there is no journal of ${status.job} here, and so no record of it`)
    const { spec, parts, rounds = [] } = found
    return {
      job: spec.job,
      name: spec.request.name ?? '',
      state: status.state,
      ...(status.error && { failure: { code: status.error.code, message: status.error.message } }),
      createdWallMs: spec.createdWallMs,
      ...(status.finishedWallMs !== undefined && { finishedWallMs: status.finishedWallMs }),
      request: { ...spec.request, outputDir: spec.outputDir },
      model: spec.model,
      ...(spec.training && { training: spec.training }),
      workers: status.workers.map(({ peer, name, shards, rows, computeMs }) => ({
        ...{ peer, name, shards, rows, computeMs },
      })),
      bytes: status.bytes,
      rounds: [...rounds],
      parts: [...parts],
      versions: { aivida: VERSION, node: process.versions.node, protocol: PROTOCOLS.control },
    }
  }

  /**
   * The bundle of a training, as a tar archive: equal for equal records. Throws `bundle.not-a-training`, `bundle.gone` when
   * bytes that it needs are here no more, and as {@link record} does.
   */
  async bundle(status: JobStatus, { data: withData }: { readonly data: boolean }): Promise<AsyncIterable<Uint8Array>> {
    const record = await this.record(status)
    if (!isTrainingRecord(record))
      throw userError(
        'bundle.not-a-training',
        `trainings alone can be packed to be done again, and ${record.job} is none; see aivida jobs report ${record.job}`,
      )
    const contents = contentsOf(record, status.outputDir)
    const opened: OpenBlob[] = []
    const close = async () => {
      for (const blob of opened) await blob.close()
    }
    try {
      for (const content of contents)
        if (withData || !isData(content)) opened.push(await this.#open(content, record.job))
      const metrics: ArchiveFile[] = []
      for (const part of record.parts) metrics.push(await this.#metrics(status.outputDir, part))
      return archive(record, contents, withData, opened, metrics, close)
    } catch (error) {
      await close()
      throw error
    }
  }

  /** A blob that is here, or a file of a path of the job that still holds the same bytes. */
  async #open(content: Content, job: string): Promise<OpenBlob> {
    const { blobs } = this.#init
    const { blob, path } = content
    if (!blobs.has(blob) && path !== undefined) await blobs.putFile(path).catch(() => {}) // it was removed, as files of a training mostly are
    if (!blobs.has(blob)) throw gone(content, job)
    return blobs.open(blob, { verify: true })
  }

  async #metrics(outputDir: string, part: ResultPart): Promise<ArchiveFile> {
    const { disk = systemDisk } = this.#init
    const path = join(outputDir, part.file)
    const bytes = await disk.read(path).catch((cause) => {
      throw userError('bundle.gone', `the metrics in ${path} cannot be read (${cause.message}); put them back`)
    })
    // Read again when it is their turn: all of them may be more than memory.
    const content = async function* () {
      yield await disk.read(path)
    }
    return { name: metricsFile(part), sizeBytes: bytes.byteLength, content }
  }
}

async function* archive(
  record: TrainingRecord,
  contents: readonly Content[],
  withData: boolean,
  opened: readonly OpenBlob[],
  metrics: readonly ArchiveFile[],
  close: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  const manifest = encodeManifest(manifestOf(record, contents, withData))
  try {
    yield* tarOf([
      { name: MANIFEST_FILE, sizeBytes: manifest.byteLength, content: () => [manifest] },
      ...opened.map((blob) => ({
        name: blobFile(blob.root),
        sizeBytes: blob.sizeBytes,
        content: () => blobContent(blob),
      })),
      ...metrics,
    ])
  } finally {
    await close()
  }
}

function gone({ role, blob, sizeBytes }: Content, job: string): AividaError {
  return userError(
    'bundle.gone',
    `the ${role} of ${job} (${sizeBytes} bytes, ${blob}) made room for other jobs and is not here any more; make the bundle soon after the job, or give the node more disk (diskBudgetBytes)`,
    { role, blob },
  )
}
