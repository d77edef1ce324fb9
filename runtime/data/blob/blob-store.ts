import { aborted, type Clock, type Digest, limit, userError } from '../../base/index.ts'
import type { BlobRef } from '../../protocol/index.ts'
import { busy, noFiles, notFound, tooMany } from './blob-errors.ts'
import { BlobIndex, type IndexEntry } from './blob-index.ts'
import { type BlobContent, chunksOf, fileContent } from './content.ts'
import type { FileSystem } from './directory-files.ts'
import { directoryMedium } from './directory-medium.ts'
import { DiskBudget, type DiskReservation } from './disk-budget.ts'
import type { BlobDraft, BlobMedium, SharedDraft, StoredBlob } from './medium.ts'
import { memoryMedium } from './memory-medium.ts'
import { openBlob } from './open-blob.ts'
import { partialBlob } from './partial-blob.ts'
import { SavedPins } from './saved-pins.ts'
import type {
  ArrivingBlob,
  BlobStore,
  OpenBlob,
  OpenOptions,
  PartialBlob,
  Pin,
  PutOptions,
  ReadAllOptions,
  WrittenElsewhere,
} from './store.ts'
import { type BlobTree, blobTree, checkSize, chunkDigest, treeOf } from './tree.ts'
import { treeOfWritten } from './written-tree.ts'

/** What every store needs. */
export interface BlobStoreInit {
  readonly clock: Clock
  /** Shared with whatever else fills the disk. Default: no limit. */
  readonly budget?: DiskBudget
  /** Bytes that an owner's pins may hold. Default: no limit. */
  readonly quotaBytes?: (owner: string) => number
}

/**
 * A store over a directory that this process alone uses; takes up what was there. Throws `disk.full`, `disk.failed`.
 */
export async function directoryBlobStore(
  init: BlobStoreInit & { readonly dir: string; readonly fs?: FileSystem },
): Promise<BlobStore> {
  return openStore(await directoryMedium(init.dir, init.fs), init)
}

/**
 * A store that forgets with the process: for tests, simulation and short-lived caches. It takes up what an earlier
 * store left on `medium`, when one is given.
 */
export async function memoryBlobStore(init: BlobStoreInit & { readonly medium?: BlobMedium }): Promise<BlobStore> {
  if (init.medium) return openStore(init.medium, init)
  const { savePins, ...medium } = memoryMedium() // nobody will take it up, and there is a pin for each shard on its way
  return openStore(medium, init)
}

/** How often use is noted on the medium: often enough for the order of eviction after a restart. */
const TOUCH_EVERY_MS = 60_000

async function openStore(medium: BlobMedium, init: BlobStoreInit): Promise<BlobStore> {
  const { blobs, partials, pins } = await medium.scan()
  const index = new BlobIndex()
  for (const blob of blobs) index.add(blob, 0)
  for (const partial of partials) index.addPartial(partial)
  const savedPins = new SavedPins(medium, init.quotaBytes ?? (() => Number.POSITIVE_INFINITY))
  for (const bytes of pins) savedPins.restore(bytes, (root) => index.get(root)?.sizeBytes)
  return new MediumStore(medium, index, savedPins, init)
}

class MediumStore implements BlobStore {
  readonly #medium: BlobMedium
  readonly #index: BlobIndex
  readonly #clock: Clock
  readonly #budget: DiskBudget
  readonly #pins: SavedPins
  readonly #arriving = new Map<Digest, ArrivingBlob>()

  constructor(medium: BlobMedium, index: BlobIndex, pins: SavedPins, init: BlobStoreInit) {
    this.#medium = medium
    this.#index = index
    this.#clock = init.clock
    this.#budget = init.budget ?? new DiskBudget()
    this.#pins = pins
    this.#budget.register({ name: 'blobs', usage: () => this.usage(), evict: (bytes) => this.evict(bytes) })
  }

  has(root: Digest): boolean {
    return this.#index.get(root) !== undefined
  }

  sizeOf(root: Digest): number | undefined {
    return this.#index.get(root)?.sizeBytes
  }

  usage(): number {
    return this.#index.usedBytes
  }

  async put(content: BlobContent, options: PutOptions = {}): Promise<BlobRef> {
    // What is in memory is hashed first, so that its whole size is reserved at once and nothing is written twice.
    const known = Symbol.asyncIterator in content ? undefined : await blobTree(content, options)
    if (known && this.has(known.root)) return this.#keep(known, options.pin)
    const reservation = await this.#reserve(known?.sizeBytes ?? 0)
    let draft: BlobDraft | undefined
    let writing: Promise<void> | undefined // one chunk is written while the next one comes and is hashed
    try {
      draft = await this.#medium.draft()
      const chunks: Digest[] = []
      let sizeBytes = 0
      for await (const chunk of chunksOf(content, { ...options, passing: true })) {
        if (!known) {
          checkSize(sizeBytes + chunk.byteLength)
          await reservation.grow(chunk.byteLength)
          chunks.push(chunkDigest(chunk))
        }
        await writing
        writing = draft.write(sizeBytes, chunk)
        writing.catch(() => {}) // heard when it is awaited
        sizeBytes += chunk.byteLength
      }
      await writing
      return await this.#commit(draft, known ?? treeOf(sizeBytes, chunks), options.pin)
    } catch (error) {
      await writing?.catch(() => {})
      await draft?.discard()
      throw error
    } finally {
      reservation.release()
    }
  }

  putFile(path: string, options: PutOptions = {}): Promise<BlobRef> {
    return this.put(fileContent(path), options)
  }

  async putWritten(written: WrittenElsewhere, { signal, pin }: PutOptions = {}): Promise<BlobRef> {
    const reservation = await this.#reserve(0)
    let draft: SharedDraft | undefined
    try {
      draft = await this.#medium.sharedDraft?.()
      if (!draft) throw noFiles()
      const tree = await treeOfWritten(draft, written(draft.file, signal), (bytes) => reservation.grow(bytes))
      if (signal?.aborted) throw aborted()
      return await this.#commit(draft, tree, pin)
    } catch (error) {
      await draft?.discard()
      throw signal?.aborted ? aborted(undefined, error) : error
    } finally {
      reservation.release()
    }
  }

  async open(root: Digest, options: OpenOptions = {}): Promise<OpenBlob> {
    const entry = this.#use(root)
    entry.readers++
    const closed = () => void entry.readers--
    try {
      const bytes = await this.#medium.open(root)
      if (!bytes) {
        this.#index.forget(root)
        throw notFound(root)
      }
      const digests = () => this.#medium.digests(root)
      return openBlob({
        root,
        sizeBytes: entry.sizeBytes,
        ...options,
        bytes,
        digests,
        corrupt: () => this.#drop(root),
        closed,
      })
    } catch (error) {
      closed()
      throw error
    }
  }

  async readAll(root: Digest, options: ReadAllOptions = {}): Promise<Uint8Array> {
    const { maxBytes = limit('modelBytes') } = options
    const blob = await this.open(root, options)
    try {
      if (blob.sizeBytes > maxBytes)
        throw userError('blob.size', `blob ${root} has ${blob.sizeBytes} bytes, at most ${maxBytes} are read at once`)
      return await blob.read(0, blob.sizeBytes)
    } finally {
      await blob.close()
    }
  }

  async partial(tree: BlobTree): Promise<PartialBlob> {
    const { root, sizeBytes } = tree
    checkSize(sizeBytes)
    if (!this.#index.beginArrival(root)) throw busy(root)
    try {
      const reservation = this.#index.hasPartial(root) ? undefined : await this.#reserve(sizeBytes)
      this.#index.addPartial(tree)
      reservation?.release()
      const partial = await partialBlob({
        tree,
        draft: await this.#medium.partial(root, sizeBytes),
        committed: (pin) => {
          this.#index.forgetPartial(root)
          this.#index.add(tree, this.#clock.wallMs())
          this.#endArrival(root)
          return this.#keep(tree, pin)
        },
        ended: (kept) => {
          if (!kept) this.#index.forgetPartial(root)
          this.#endArrival(root)
        },
      })
      this.#arriving.set(root, partial.arriving)
      return partial
    } catch (error) {
      this.#index.endArrival(root)
      throw error
    }
  }

  arriving(root: Digest): ArrivingBlob | undefined {
    return this.#arriving.get(root)
  }

  #endArrival(root: Digest): void {
    this.#arriving.delete(root)
    this.#index.endArrival(root)
  }

  async pin(roots: readonly Digest[], pin: Pin): Promise<void> {
    const blobs = roots.map((root) => ({ root, sizeBytes: this.#use(root).sizeBytes }))
    await this.#pins.pin(blobs, pin, this.#clock.wallMs())
  }

  async unpin(owner: string, root?: Digest): Promise<void> {
    await this.#pins.unpin(owner, root === undefined ? this.pinned(owner).roots : [root])
  }

  pinned(owner: string): { readonly roots: readonly Digest[]; readonly sizeBytes: number } {
    return this.#pins.of(owner, this.#clock.wallMs())
  }

  async discard(root: Digest): Promise<void> {
    const entry = this.#index.get(root)
    if (entry && entry.readers === 0 && !this.#pins.isPinned(root, this.#clock.wallMs())) await this.#drop(root)
  }

  async evict(bytes: number): Promise<number> {
    const nowMs = this.#clock.wallMs()
    let freedBytes = 0
    for (const { root, sizeBytes, whole } of this.#index.victims((root) => this.#pins.isPinned(root, nowMs))) {
      if (freedBytes >= bytes) break
      if (whole) {
        await this.#drop(root)
      } else {
        this.#index.forgetPartial(root)
        await this.#medium.removePartial(root)
      }
      freedBytes += sizeBytes
    }
    return freedBytes
  }

  async #reserve(bytes: number): Promise<DiskReservation> {
    if (this.#index.count >= limit('blobsPerStore')) await this.evict(1)
    if (this.#index.count >= limit('blobsPerStore')) throw tooMany()
    return this.#budget.reserve(bytes)
  }

  async #commit(draft: Pick<BlobDraft, 'commit' | 'discard'>, tree: BlobTree, pin?: Pin): Promise<BlobRef> {
    if (this.has(tree.root)) await draft.discard()
    else await draft.commit(tree)
    this.#index.add(tree, this.#clock.wallMs())
    return this.#keep(tree, pin)
  }

  /** Pins, at once in memory so that nothing evicts the blob meanwhile. */
  async #keep({ root, sizeBytes }: StoredBlob, pin?: Pin): Promise<BlobRef> {
    if (pin) await this.pin([root], pin)
    return { blob: root, sizeBytes }
  }

  #use(root: Digest): IndexEntry {
    const entry = this.#index.use(root)
    if (!entry) throw notFound(root)
    const nowMs = this.#clock.wallMs()
    if (nowMs - entry.touchedMs >= TOUCH_EVERY_MS) {
      entry.touchedMs = nowMs
      this.#medium.touch(root, nowMs).catch(() => {}) // the order of eviction is all that it serves
    }
    return entry
  }

  async #drop(root: Digest): Promise<void> {
    this.#index.forget(root)
    await this.#medium.remove(root)
  }
}
