import { type Digest, sha256 } from '../../base/index.ts'
import type { BlobMedium, StoredBlob } from './medium.ts'
import { Pins, pinsCodec } from './pins.ts'
import type { Pin } from './store.ts'

/** Pins that are on the medium by the time a change of them resolves. In memory they hold from the call on. */
export class SavedPins {
  readonly #medium: BlobMedium
  readonly #pins: Pins
  readonly #changedOwners = new Set<string>()
  #saving: Promise<unknown> = Promise.resolve()

  constructor(medium: BlobMedium, quotaBytes: (owner: string) => number) {
    this.#medium = medium
    this.#pins = new Pins(quotaBytes)
  }

  /** Takes up what an earlier process saved; pins of blobs that are gone (`sizeOf` does not know them) are left out. */
  restore(bytes: Uint8Array, sizeOf: (root: Digest) => number | undefined): void {
    const { owner, pins } = pinsCodec.decode(bytes)
    for (const { blob: root, untilWallMs } of pins) {
      const sizeBytes = sizeOf(root)
      const pin = { owner, ...(untilWallMs !== undefined && { untilWallMs }) }
      if (sizeBytes !== undefined) this.#pins.restore({ root, sizeBytes }, pin)
    }
  }

  /** Throws `blob.quota`, `disk.full`. */
  pin(blobs: readonly StoredBlob[], pin: Pin, nowWallMs: number): Promise<void> {
    this.#pins.pin(blobs, pin, nowWallMs)
    return this.#save(pin.owner)
  }

  async unpin(owner: string, roots: readonly Digest[]): Promise<void> {
    for (const root of roots) this.#pins.unpin(owner, root)
    if (roots.length > 0) await this.#save(owner)
  }

  isPinned(root: Digest, nowWallMs: number): boolean {
    return this.#pins.isPinned(root, nowWallMs)
  }

  /** Blobs an owner pins, and what its quota counts. */
  of(owner: string, nowWallMs: number): { readonly roots: readonly Digest[]; readonly sizeBytes: number } {
    return this.#pins.of(owner, nowWallMs)
  }

  /** Changes that come while a save is under way share the next one. */
  #save(owner: string): Promise<void> {
    if (!this.#medium.savePins) return Promise.resolve()
    this.#changedOwners.add(owner)
    const saved = this.#saving.then(async () => {
      if (!this.#changedOwners.delete(owner)) return
      try {
        await this.#medium.savePins?.(sha256(Buffer.from(owner)), this.#pins.encode(owner))
      } catch (error) {
        this.#changedOwners.add(owner)
        throw error
      }
    })
    this.#saving = saved.catch(() => {})
    return saved
  }
}
