import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type Clock, isAividaError, limit, peerError, userError } from '../../base/index.ts'
import { writeWhole } from '../../base/whole-file.ts'
import { type BlobStore, blobContent, fetchBlob, type OpenProvider } from '../../data/blob/index.ts'
import { countSchema, type SharedRecord } from '../../protocol/index.ts'
import type { ShareRequests } from './share-requests.ts'

const countedSchema = z.object({ done: countSchema, total: countSchema })

/** How much of a job's result is on this machine. */
export const fetchedFilesSchema = z.object({
  /** Where. */
  folder: z.string(),
  /** All that there was when fetching began. */
  isWhole: z.boolean(),
  files: countedSchema,
  bytes: countedSchema,
})

/** See {@link fetchedFilesSchema}. */
export type FetchedFiles = z.infer<typeof fetchedFilesSchema>

/** What {@link SharedFiles} works on. */
export interface SharedFilesInit {
  readonly clock: Clock
  readonly requests: ShareRequests
  readonly blobs: BlobStore
  readonly provider: (peer: string) => OpenProvider
  /** A folder a job. */
  readonly folder: string
}

/** Files that are brought at once. */
const AT_ONCE = 4

/** Brings files of other nodes' jobs here, each as a blob: checked piece by piece, and taken up again where it broke off. */
export class SharedFiles {
  readonly #init: SharedFilesInit
  /** By job: so that a result that is wanted twice travels once. */
  readonly #fetches = new Map<string, { readonly done: Promise<void>; readonly view: FetchedFiles }>()
  /** Parts that were found to be what the record says, in this process. */
  readonly #checked = new Set<string>()
  readonly #stop = new AbortController()

  constructor(init: SharedFilesInit) {
    this.#init = init
  }

  /** Where the files of a job are kept. */
  folderOf(job: string): string {
    return join(this.#init.folder, job)
  }

  /** Gives up what is on its way; what has arrived stays. */
  stop(): void {
    this.#stop.abort()
  }

  /**
   * Brings what is not here yet, and answers when it is, or after `waitMs` with how far it is: it goes on meanwhile. `record` is asked
   * for unless it is being brought already. Throws `share.*`, `blob.*`, `disk.*`.
   */
  async fetch(job: string, node: string, record: () => Promise<SharedRecord>, waitMs: number): Promise<FetchedFiles> {
    const fetching = this.#fetches.get(job) ?? this.#begin(job, node, await record())
    const { clock } = this.#init
    let cancel = () => {}
    const late = new Promise<void>((resolve) => {
      cancel = clock.after(waitMs, resolve)
    })
    await Promise.race([fetching.done, late]).finally(() => cancel())
    const { files, bytes } = fetching.view
    return { ...fetching.view, files: { ...files }, bytes: { ...bytes } }
  }

  /** Brings all of these, after what is being brought of the job already. Throws as {@link fetch} does. */
  async fetchAll(job: string, node: string, told: SharedRecord): Promise<void> {
    await this.#fetches.get(job)?.done.catch(() => {})
    await (this.#fetches.get(job) ?? this.#begin(job, node, told)).done
  }

  #begin(job: string, node: string, told: SharedRecord) {
    const view = {
      folder: this.folderOf(job),
      isWhole: false,
      files: { done: 0, total: told.files.length },
      bytes: { done: 0, total: told.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) },
    }
    const done = this.#bringAll(job, node, told, ({ sizeBytes }) => {
      view.files.done++
      view.bytes.done += sizeBytes
    })
      .then(() => {
        view.isWhole = true
      })
      .finally(() => this.#fetches.delete(job))
    done.catch(() => {}) // told to whoever waits, or asks next
    const fetching = { done, view }
    this.#fetches.set(job, fetching)
    return fetching
  }

  async #bringAll(
    job: string,
    node: string,
    { files, record }: SharedRecord,
    came: (file: SharedRecord['files'][number]) => void,
  ): Promise<void> {
    await mkdir(this.folderOf(job), { recursive: true, mode: 0o700 })
    const hashes = new Map(record.parts.map(({ file, sha256 }) => [file, sha256]))
    const waiting = [...files]
    const work = async () => {
      for (let file = waiting.shift(); file; file = waiting.shift()) {
        this.#stop.signal.throwIfAborted()
        const { name, sizeBytes } = file
        const isHere = () => this.#isHere(job, name, sizeBytes, hashes.get(name))
        if (!(await isHere())) {
          await this.#bring(job, node, file)
          if (!(await isHere())) throw changed(job, name, node)
        }
        came(file)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }

  /** A part is what the record says; of what else a job has left, which is written once, the size will do. */
  async #isHere(job: string, name: string, sizeBytes: number, sha256: string | undefined): Promise<boolean> {
    const path = join(this.folderOf(job), name)
    const found = await stat(path).catch(() => undefined)
    if (found?.size !== sizeBytes) return false
    const key = `${path} ${found.mtimeMs} ${sha256}`
    if (sha256 === undefined || this.#checked.has(key)) return true
    if ((await sha256OfFile(path)) !== sha256) return false
    if (this.#checked.size > limit('archiveFiles')) this.#checked.clear()
    this.#checked.add(key)
    return true
  }

  async #bring(job: string, node: string, { name, sizeBytes }: SharedRecord['files'][number]): Promise<void> {
    const { requests, blobs, clock, provider } = this.#init
    const { signal } = this.#stop
    const { reply } = await requests.ask(node, { type: 'file', job, name }, 'file')
    const { blob } = reply.ref
    if (reply.ref.sizeBytes !== sizeBytes) throw changed(job, name, node)
    const owner = `reading/${job}`
    try {
      await fetchBlob({
        root: blob,
        sizeBytes,
        providers: [provider(node)],
        store: blobs,
        clock,
        signal,
        pin: { owner },
      })
      await this.#place(blob, join(this.folderOf(job), name))
    } catch (error) {
      if (isAividaError(error) && error.code.startsWith('grant.'))
        throw userError('share.ended', `${name} of ${job} may be read no longer; ask its owner, or fetch it again`)
      throw requests.explained(node, error)
    } finally {
      await blobs.unpin(owner, blob)
    }
    await blobs.discard(blob)
  }

  /** Gives a blob a name among the files: the same bytes on the disk where that can be, else a copy. */
  async #place(root: string, path: string): Promise<void> {
    const open = await this.#init.blobs.open(root)
    try {
      const arriving = `${path}.arriving`
      await rm(arriving, { force: true })
      const isLinked =
        open.file &&
        (await link(open.file.path, arriving).then(
          () => true,
          () => false,
        ))
      if (isLinked) await rename(arriving, path)
      else await writeWhole(path, blobContent(open))
    } finally {
      await open.close()
    }
  }
}

function changed(job: string, name: string, node: string) {
  return peerError(
    'share.changed',
    `${name} of ${job} at ${node} is not the file that its record names; it was changed there`,
  )
}

async function sha256OfFile(path: string): Promise<string> {
  const hasher = createHash('sha256')
  for await (const piece of createReadStream(path)) hasher.update(piece)
  return hasher.digest('hex')
}
