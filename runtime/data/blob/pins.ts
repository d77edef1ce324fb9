import { z } from 'zod'
import { AividaError, codec, type Digest, limit } from '../../base/index.ts'
import { countSchema, digestSchema } from '../../protocol/index.ts'
import type { StoredBlob } from './medium.ts'
import type { Pin } from './store.ts'

/** How the pins of one owner lie on disk. */
export const pinsCodec = codec({
  name: 'pins',
  maxBytes: limit('pinsPerOwner') * 160,
  schema: z.object({
    owner: z.string().max(256),
    pins: z.array(z.object({ blob: digestSchema, untilWallMs: countSchema.optional() })).max(limit('pinsPerOwner')),
  }),
})

interface Held {
  readonly sizeBytes: number
  readonly untilWallMs: number
}

interface Owner {
  readonly held: Map<Digest, Held>
  /** Sum over `held`; what has expired counts until it is dropped. */
  sizeBytes: number
}

/** Who pins what until when, and how much of each owner's quota that takes. Pure: time is an argument. */
export class Pins {
  readonly #quotaBytes: (owner: string) => number
  readonly #owners = new Map<string, Owner>()
  readonly #ownersOf = new Map<Digest, Set<string>>()

  constructor(quotaBytes: (owner: string) => number) {
    this.#quotaBytes = quotaBytes
  }

  /** Adds pins, all or none, or changes when they end. Throws `blob.quota`. */
  pin(blobs: readonly StoredBlob[], pin: Pin, nowWallMs: number): void {
    if (this.#excess(pin.owner, blobs)) this.#dropExpired(pin.owner, nowWallMs)
    const excess = this.#excess(pin.owner, blobs)
    if (excess) throw excess
    for (const blob of blobs) this.restore(blob, pin)
  }

  /** Takes up a pin that was granted earlier, whatever the quota is now. */
  restore({ root, sizeBytes }: StoredBlob, { owner: name, untilWallMs = FOREVER }: Pin): void {
    const owner = this.#owners.get(name) ?? { held: new Map<Digest, Held>(), sizeBytes: 0 }
    if (!owner.held.has(root)) owner.sizeBytes += sizeBytes
    owner.held.set(root, { sizeBytes, untilWallMs })
    this.#owners.set(name, owner)
    this.#ownersOf.set(root, (this.#ownersOf.get(root) ?? new Set<string>()).add(name))
  }

  /** Takes a pin back. */
  unpin(name: string, root: Digest): void {
    const owner = this.#owners.get(name)
    const held = owner?.held.get(root)
    if (!owner || !held) return
    owner.sizeBytes -= held.sizeBytes
    owner.held.delete(root)
    if (owner.held.size === 0) this.#owners.delete(name)
    const names = this.#ownersOf.get(root)
    names?.delete(name)
    if (names?.size === 0) this.#ownersOf.delete(root)
  }

  /** Whether anybody still pins this blob. */
  isPinned(root: Digest, nowWallMs: number): boolean {
    for (const name of this.#ownersOf.get(root) ?? []) {
      if (this.#owners.get(name)!.held.get(root)!.untilWallMs > nowWallMs) return true
      this.unpin(name, root)
    }
    return false
  }

  /** Blobs an owner pins, and what its quota counts. */
  of(name: string, nowWallMs: number): { readonly roots: readonly Digest[]; readonly sizeBytes: number } {
    this.#dropExpired(name, nowWallMs)
    const owner = this.#owners.get(name)
    return { roots: [...(owner?.held.keys() ?? [])], sizeBytes: owner?.sizeBytes ?? 0 }
  }

  /** The pins of an owner as they are kept, or `undefined` when there are none. */
  encode(name: string): Uint8Array | undefined {
    const owner = this.#owners.get(name)
    if (!owner) return undefined
    const pins = Array.from(owner.held, ([blob, { untilWallMs }]) =>
      untilWallMs === FOREVER ? { blob } : { blob, untilWallMs },
    )
    return pinsCodec.encode({ owner: name, pins })
  }

  /** The error that pinning these would be, or `undefined` when they fit. */
  #excess(name: string, blobs: readonly StoredBlob[]): AividaError | undefined {
    const owner = this.#owners.get(name)
    const added = blobs.filter(({ root }) => !owner?.held.has(root))
    const usedBytes = owner?.sizeBytes ?? 0
    const neededBytes = added.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const count = (owner?.held.size ?? 0) + added.length
    const quotaBytes = this.#quotaBytes(name)
    if (usedBytes + neededBytes <= quotaBytes && count <= limit('pinsPerOwner')) return undefined
    return new AividaError({
      code: 'blob.quota',
      category: 'user',
      message:
        `${name} has pinned ${usedBytes} bytes; ${neededBytes} more make ${count} blobs, over its quota of ${quotaBytes} ` +
        `bytes in ${limit('pinsPerOwner')} blobs; unpin some, or ask the operator for more`,
      facts: { owner: name, usedBytes, neededBytes, quotaBytes },
    })
  }

  #dropExpired(name: string, nowWallMs: number): void {
    for (const [root, { untilWallMs }] of this.#owners.get(name)?.held ?? [])
      if (untilWallMs <= nowWallMs) this.unpin(name, root)
  }
}

const FOREVER = Number.POSITIVE_INFINITY
