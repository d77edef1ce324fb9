import { createHash } from 'node:crypto'
import { type Digest, digestBytes, limit, merkleRoot, sha256All, userError } from '../../base/index.ts'
import { type BlobContent, chunksOf, fileContent } from './content.ts'

/**
 * What a blob's name commits to. The root is the SHA-256 of a prefix, the size (u64, big-endian) and the hash tree of
 * RFC 6962 section 2.1 over the digests of its chunks, so that each chunk can be checked as it arrives and nothing can
 * be cut off or added. The size of a chunk is part of the format.
 */
export interface BlobTree {
  readonly root: Digest
  readonly sizeBytes: number
  /** Digests of the chunks in order: all of `chunkBytes` but the last; none for an empty blob. */
  readonly chunks: readonly Digest[]
}

/** The digest of one chunk. */
export function chunkDigest(chunk: Uint8Array): Digest {
  return createHash('sha256').update(CHUNK_PREFIX).update(chunk).digest('hex')
}

/** The tree over chunks that were hashed already. */
export function treeOf(sizeBytes: number, chunks: readonly Digest[]): BlobTree {
  const size = Buffer.alloc(8)
  size.writeBigUInt64BE(BigInt(sizeBytes))
  return { root: sha256All([ROOT_PREFIX, size, digestBytes(merkleRoot(chunks))]), sizeBytes, chunks }
}

/** Hashes bytes in one go: for what is small, since a gigabyte holds up the event loop for half a second. */
export function treeOfBytes(bytes: Uint8Array): BlobTree {
  const chunks = Array.from({ length: chunkCount(bytes.byteLength) }, (_, i) =>
    chunkDigest(bytes.subarray(i * limit('chunkBytes'), (i + 1) * limit('chunkBytes'))),
  )
  return treeOf(bytes.byteLength, chunks)
}

/** Hashes content, or the file at `path`, into its tree. Throws `blob.size`, `blob.no-file`, `aborted`. */
export async function blobTree(
  content: BlobContent | { readonly path: string },
  options: { readonly signal?: AbortSignal } = {},
): Promise<BlobTree> {
  const chunks: Digest[] = []
  let sizeBytes = 0
  for await (const chunk of chunksOf('path' in content ? fileContent(content.path) : content, options)) {
    sizeBytes += chunk.byteLength
    checkSize(sizeBytes)
    chunks.push(chunkDigest(chunk))
  }
  return treeOf(sizeBytes, chunks)
}

/** Chunks that a blob of this size has. */
export function chunkCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / limit('chunkBytes'))
}

/** Bytes of chunk `index` of a blob of this size. */
export function chunkLength(sizeBytes: number, index: number): number {
  return Math.min(limit('chunkBytes'), sizeBytes - index * limit('chunkBytes'))
}

/** Throws `blob.size` for more bytes than a blob may have. */
export function checkSize(sizeBytes: number): void {
  if (sizeBytes > limit('blobBytes'))
    throw userError('blob.size', `${sizeBytes} bytes, a blob has at most ${limit('blobBytes')}; split it`)
}

/** Chunk digests one after the other, 32 bytes each: how they travel and lie on disk. */
export function packDigests(chunks: readonly Digest[]): Uint8Array {
  return Buffer.from(chunks.join(''), 'hex')
}

/** The tree that packed digests make, or `undefined` when it is not the one with this root. */
export function unpackTree(root: Digest, sizeBytes: number, packed: Uint8Array): BlobTree | undefined {
  if (packed.byteLength !== chunkCount(sizeBytes) * DIGEST_BYTES) return undefined
  const hex = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength).toString('hex')
  const chunks = Array.from({ length: chunkCount(sizeBytes) }, (_, i) => hex.slice(i * 64, (i + 1) * 64))
  const tree = treeOf(sizeBytes, chunks)
  return tree.root === root ? tree : undefined
}

const DIGEST_BYTES = 32
const CHUNK_PREFIX = Buffer.from('aivida/chunk/1')
const ROOT_PREFIX = Buffer.from('aivida/blob/1')
