import { limit, userError } from '../../base/index.ts'
import { corrupt } from './blob-errors.ts'
import type { BlobFile, StoredBlob } from './medium.ts'
import type { OpenBlob, OpenOptions } from './store.ts'
import { type BlobTree, blobTree, chunkCount, chunkDigest, chunkLength, treeOfBytes, unpackTree } from './tree.ts'

/** What {@link openBlob} needs of the store. */
export interface OpenBlobInit extends StoredBlob, OpenOptions {
  readonly bytes: BlobFile
  /** Packed chunk digests as they were kept. */
  digests(): Promise<Uint8Array>
  /** The bytes are not what the root says. */
  corrupt(): Promise<void>
  closed(): void
}

/** A blob open for reading over the bytes that a medium holds. */
export function openBlob(init: OpenBlobInit): OpenBlob {
  const { root, sizeBytes, bytes, verify = false } = init
  const chunkBytes = limit('chunkBytes')
  let known: Promise<BlobTree> | undefined
  let open = true

  const damaged = async (): Promise<never> => {
    await init.corrupt()
    throw corrupt(root)
  }

  function checkRange(offset: number, length: number): void {
    const inside = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length >= 0
    if (!inside || offset + length > sizeBytes)
      throw userError('blob.range', `${length} bytes from ${offset} of a blob of ${sizeBytes}`)
  }

  async function readExactly(offset: number, length: number): Promise<Uint8Array> {
    checkRange(offset, length)
    const found = await bytes.read(offset, length)
    return found.byteLength === length ? found : damaged()
  }

  /** Kept digests save hashing; when they were lost, the bytes still know them. */
  async function loadTree(): Promise<BlobTree> {
    const kept = unpackTree(root, sizeBytes, await init.digests())
    if (kept) return kept
    const found = await blobTree(chunksInOrder())
    return found.root === root ? found : damaged()
  }

  async function* chunksInOrder(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < chunkCount(sizeBytes); i++) yield readExactly(i * chunkBytes, chunkLength(sizeBytes, i))
  }

  function tree(): Promise<BlobTree> {
    known ??= loadTree()
    return known
  }

  async function chunk(index: number): Promise<Uint8Array> {
    const found = await readExactly(index * chunkBytes, Math.max(0, chunkLength(sizeBytes, index)))
    if (!verify) return found
    const whole = chunkCount(sizeBytes) <= 1
    const right = whole ? treeOfBytes(found).root === root : chunkDigest(found) === (await tree()).chunks[index]
    return right ? found : damaged()
  }

  return {
    root,
    sizeBytes,
    ...(bytes.file && { file: bytes.file }),
    chunk,
    tree,
    async read(offset, length) {
      if (!verify) return readExactly(offset, length)
      checkRange(offset, length)
      const target = Buffer.allocUnsafeSlow(length)
      for (let i = Math.floor(offset / chunkBytes); i * chunkBytes < offset + length; i++) {
        const from = i * chunkBytes - offset
        const found = await chunk(i)
        target.set(found.subarray(Math.max(0, -from), length - from), Math.max(0, from))
      }
      return target
    },
    async close() {
      if (!open) return
      open = false
      await bytes.close().finally(init.closed)
    },
  }
}

/** All bytes of an open blob, a chunk after the other. Throws as {@link OpenBlob.chunk} does. */
export async function* blobContent(blob: Pick<OpenBlob, 'sizeBytes' | 'chunk'>): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < chunkCount(blob.sizeBytes); index++) yield await blob.chunk(index)
}
