import { invariant, limit } from '../../base/index.ts'
import type { BlobRef } from '../../protocol/index.ts'
import { corrupt, notFound, wrongChunk } from './blob-errors.ts'
import type { PartialDraft } from './medium.ts'
import type { ArrivingBlob, PartialBlob, Pin } from './store.ts'
import { type BlobTree, chunkDigest, chunkLength } from './tree.ts'

/** What {@link partialBlob} needs of the store. */
export interface PartialBlobInit {
  readonly tree: BlobTree
  readonly draft: PartialDraft
  /** The draft was committed: it is a blob now. */
  committed(pin?: Pin): Promise<BlobRef>
  /** No longer being written; `kept` for a later attempt or gone. */
  ended(kept: boolean): void
}

/** A blob that arrives chunk by chunk; chunks of an earlier attempt are checked again before they count. */
export async function partialBlob(init: PartialBlobInit): Promise<PartialBlob & { readonly arriving: ArrivingBlob }> {
  const { tree, draft } = init
  const missing = new Set(tree.chunks.keys())
  for (const index of draft.marked) {
    const kept = await draft.read(index * limit('chunkBytes'), chunkLength(tree.sizeBytes, index))
    if (chunkDigest(kept) === tree.chunks[index]) missing.delete(index)
  }
  const listeners = new Set<(index: number) => void>()
  /** Set once the draft is about to be closed, however that ends. */
  let over: Promise<void> | undefined
  const arriving: ArrivingBlob = {
    tree,
    has: (index) => index < tree.chunks.length && !missing.has(index),
    async chunk(index) {
      await over
      if (over || !this.has(index)) throw notFound(tree.root)
      const found = await draft.read(index * limit('chunkBytes'), chunkLength(tree.sizeBytes, index))
      if (chunkDigest(found) !== tree.chunks[index]) throw corrupt(tree.root)
      return found
    },
    subscribe(came) {
      listeners.add(came)
      return () => void listeners.delete(came)
    },
  }
  return {
    tree,
    arriving,
    missing: () => [...missing],
    async write(index, chunk) {
      if (chunkDigest(chunk) !== tree.chunks[index]) throw wrongChunk(tree.root, index)
      await draft.write(index * limit('chunkBytes'), chunk)
      await draft.mark(index)
      missing.delete(index)
      for (const came of listeners) came(index)
    },
    async commit({ pin } = {}) {
      invariant(missing.size === 0, `blob ${tree.root} committed with ${missing.size} chunks missing`)
      const committed = draft.commit(tree).then(() => init.committed(pin))
      over = committed.then(nothing, nothing)
      return committed
    },
    async close() {
      const closed = draft.close()
      over = closed.catch(nothing)
      await closed
      init.ended(true)
    },
    async discard() {
      over = draft.discard()
      await over
      init.ended(false)
    },
  }
}

const nothing = (): void => {}
