import { invariant, limit } from '../../base/index.ts'
import type { BlobRef } from '../../protocol/index.ts'
import { wrongChunk } from './blob-errors.ts'
import type { PartialDraft } from './medium.ts'
import type { PartialBlob, Pin } from './store.ts'
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
export async function partialBlob(init: PartialBlobInit): Promise<PartialBlob> {
  const { tree, draft } = init
  const missing = new Set(tree.chunks.keys())
  for (const index of draft.marked) {
    const kept = await draft.read(index * limit('chunkBytes'), chunkLength(tree.sizeBytes, index))
    if (chunkDigest(kept) === tree.chunks[index]) missing.delete(index)
  }
  return {
    tree,
    missing: () => [...missing],
    async write(index, chunk) {
      if (chunkDigest(chunk) !== tree.chunks[index]) throw wrongChunk(tree.root, index)
      await draft.write(index * limit('chunkBytes'), chunk)
      await draft.mark(index)
      missing.delete(index)
    },
    async commit({ pin } = {}) {
      invariant(missing.size === 0, `blob ${tree.root} committed with ${missing.size} chunks missing`)
      await draft.commit(tree)
      return init.committed(pin)
    },
    async close() {
      await draft.close()
      init.ended(true)
    },
    async discard() {
      await draft.discard()
      init.ended(false)
    },
  }
}
