import type { Digest } from '../../base/index.ts'
import type { BlobDraft, BlobMedium, PartialDraft } from './medium.ts'
import { type BlobTree, packDigests } from './tree.ts'

/** A medium that forgets with the process: for tests, simulation and short-lived caches. */
export function memoryMedium(): BlobMedium {
  const blobs = new Map<Digest, { readonly bytes: Uint8Array; readonly digests: Uint8Array }>()
  const partials = new Map<Digest, { readonly chunks: Map<number, Uint8Array>; readonly marked: Set<number> }>()
  const pins = new Map<Digest, Uint8Array>()

  const draftOver = (chunks: Map<number, Uint8Array>): BlobDraft => ({
    async write(offset, bytes) {
      chunks.set(offset, bytes.slice())
    },
    async commit(tree: BlobTree) {
      const ordered = [...chunks].sort(([a], [b]) => a - b).map(([, bytes]) => bytes)
      const bytes = ordered.length === 1 ? ordered[0]! : new Uint8Array(Buffer.concat(ordered))
      blobs.set(tree.root, { bytes, digests: packDigests(tree.chunks) })
      partials.delete(tree.root)
    },
    async discard() {
      chunks.clear()
    },
  })

  return {
    async scan() {
      const partialSize = (chunks: Map<number, Uint8Array>) =>
        chunks.values().reduce((sum, { byteLength }) => sum + byteLength, 0)
      return {
        blobs: Array.from(blobs, ([root, { bytes }]) => ({ root, sizeBytes: bytes.byteLength })),
        partials: Array.from(partials, ([root, { chunks }]) => ({ root, sizeBytes: partialSize(chunks) })),
        pins: [...pins.values()],
      }
    },
    async draft() {
      return draftOver(new Map())
    },
    async partial(root): Promise<PartialDraft> {
      const partial = partials.get(root) ?? { chunks: new Map<number, Uint8Array>(), marked: new Set<number>() }
      partials.set(root, partial)
      return {
        ...draftOver(partial.chunks),
        marked: [...partial.marked],
        read: async (offset) => partial.chunks.get(offset) ?? new Uint8Array(),
        async mark(chunk) {
          partial.marked.add(chunk)
        },
        async discard() {
          partials.delete(root)
        },
        async close() {},
      }
    },
    async open(root) {
      const blob = blobs.get(root)
      return (
        blob && {
          read: async (offset, length) => blob.bytes.slice(offset, offset + length),
          async close() {},
        }
      )
    },
    digests: async (root) => blobs.get(root)?.digests ?? new Uint8Array(),
    async touch() {},
    async remove(root) {
      blobs.delete(root)
    },
    async removePartial(root) {
      partials.delete(root)
    },
    async savePins(ownerDigest, bytes) {
      if (bytes) pins.set(ownerDigest, bytes)
      else pins.delete(ownerDigest)
    },
  }
}
