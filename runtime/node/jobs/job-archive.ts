import { join } from 'node:path'
import { z } from 'zod'
import { type Codec, codec, limit } from '../../base/index.ts'
import { type Disk, replaceFile, systemDisk } from '../../log/disk.ts'
import { type JobStatus, jobStatusSchema, type ResultPart, resultPartSchema } from '../../protocol/index.ts'

const endedSchema = z.object({ status: jobStatusSchema, parts: z.array(resultPartSchema) })

/** How a job ended, as it is kept beside its journal. */
export type EndedJob = z.infer<typeof endedSchema>

const endedCodec: Codec<EndedJob> = codec({ name: 'ended-job', schema: endedSchema, maxBytes: 64 << 20 })

const ENDED_FILE = 'ended.cbor'

/** Jobs that have ended, so that listing them opens no journal. The journal stays the truth; this can be rebuilt. */
export class JobArchive {
  readonly #folder: string
  readonly #disk: Disk
  readonly #jobs = new Map<string, EndedJob>()
  /** Writes under way, by job: what is kept last is what stays. */
  readonly #writing = new Map<string, Promise<void>>()

  constructor(folder: string, disk: Disk = systemDisk) {
    this.#folder = folder
    this.#disk = disk
  }

  async keep(status: JobStatus, parts: readonly ResultPart[]): Promise<void> {
    const ended = { status, parts: [...parts] }
    this.#remember(ended)
    const before = this.#writing.get(status.job)
    const written = (before ?? Promise.resolve()).catch(() => {}).then(() => this.#write(ended))
    this.#writing.set(status.job, written)
    await written.finally(() => {
      if (this.#writing.get(status.job) === written) this.#writing.delete(status.job)
    })
  }

  async #write(ended: EndedJob): Promise<void> {
    const folder = join(this.#folder, ended.status.job)
    await this.#disk.makeDir(folder)
    await replaceFile(this.#disk, folder, ENDED_FILE, [endedCodec.encode(ended)])
  }

  /** Reads how a job ended; `undefined` when it has not, as far as is kept here. */
  async load(job: string): Promise<EndedJob | undefined> {
    const known = this.#jobs.get(job)
    if (known) return known
    const bytes = await this.#disk.read(join(this.#folder, job, ENDED_FILE)).catch(() => undefined)
    if (!bytes) return undefined
    const ended = endedCodec.decode(bytes)
    this.#remember(ended)
    return ended
  }

  /** The newest are listed; of the others, each can still be looked up. */
  #remember(ended: EndedJob): void {
    this.#jobs.set(ended.status.job, ended)
    if (this.#jobs.size <= 4 * limit('jobsPerNode')) return
    const [oldest] = this.statuses().sort((a, b) => a.createdWallMs - b.createdWallMs)
    this.#jobs.delete(oldest!.job)
  }

  /** The job goes on: how it ended before is no longer what is known of it. */
  forget(job: string): void {
    this.#jobs.delete(job)
  }

  statuses(): JobStatus[] {
    return [...this.#jobs.values()].map(({ status }) => status)
  }
}
