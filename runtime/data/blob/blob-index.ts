import type { Digest } from '../../base/index.ts'
import type { StoredBlob } from './medium.ts'

/** A blob that is here. */
export interface IndexEntry {
  readonly sizeBytes: number
  /** Readers that have it open. */
  readers: number
  /** When its use was last noted on the medium, wall time. */
  touchedMs: number
}

/** What a store holds, in order of use. Pure. */
export class BlobIndex {
  /** The least recently used first. */
  readonly #blobs = new Map<Digest, IndexEntry>()
  /** Sizes of unfinished blobs; each counts in full from its first chunk. */
  readonly #partials = new Map<Digest, number>()
  readonly #arriving = new Set<Digest>()
  #usedBytes = 0

  /** Bytes of all blobs, unfinished ones included. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** How many blobs there are, unfinished ones included. */
  get count(): number {
    return this.#blobs.size + this.#partials.size
  }

  get(root: Digest): IndexEntry | undefined {
    return this.#blobs.get(root)
  }

  /** The entry of a blob that is being used now. */
  use(root: Digest): IndexEntry | undefined {
    const entry = this.#blobs.get(root)
    if (entry) {
      this.#blobs.delete(root)
      this.#blobs.set(root, entry)
    }
    return entry
  }

  add({ root, sizeBytes }: StoredBlob, touchedMs: number): void {
    if (this.#blobs.has(root)) return
    this.#blobs.set(root, { sizeBytes, readers: 0, touchedMs })
    this.#usedBytes += sizeBytes
  }

  forget(root: Digest): void {
    this.#usedBytes -= this.#blobs.get(root)?.sizeBytes ?? 0
    this.#blobs.delete(root)
  }

  hasPartial(root: Digest): boolean {
    return this.#partials.has(root)
  }

  addPartial({ root, sizeBytes }: StoredBlob): void {
    if (this.#partials.has(root)) return
    this.#partials.set(root, sizeBytes)
    this.#usedBytes += sizeBytes
  }

  forgetPartial(root: Digest): void {
    this.#usedBytes -= this.#partials.get(root) ?? 0
    this.#partials.delete(root)
  }

  /** Claims an unfinished blob for one writer; `false` when another has it. */
  beginArrival(root: Digest): boolean {
    if (this.#arriving.has(root)) return false
    this.#arriving.add(root)
    return true
  }

  endArrival(root: Digest): void {
    this.#arriving.delete(root)
  }

  /** What may go, the best to lose first: attempts that nobody continues, then what was not used for longest. */
  *victims(isPinned: (root: Digest) => boolean): Generator<StoredBlob & { readonly whole: boolean }> {
    for (const [root, sizeBytes] of this.#partials)
      if (!this.#arriving.has(root)) yield { root, sizeBytes, whole: false }
    for (const [root, { sizeBytes, readers }] of this.#blobs)
      if (readers === 0 && !isPinned(root)) yield { root, sizeBytes, whole: true }
  }
}
