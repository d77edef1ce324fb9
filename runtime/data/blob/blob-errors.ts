import { AividaError, type Digest, limit, peerError, userError } from '../../base/index.ts'

/** `blob.not-found`: no such blob here. */
export function notFound(root: Digest): AividaError {
  return userError('blob.not-found', `no blob ${root} here; put it, or fetch it from a node that has it`, {
    blob: root,
  })
}

/** `blob.busy`: another attempt at an unfinished blob is open. */
export function busy(root: Digest): AividaError {
  return userError('blob.busy', `blob ${root} is arriving already; wait for that, or stop it first`, { blob: root })
}

/** `blob.corrupt`: the bytes kept are not those that the root names. */
export function corrupt(root: Digest): AividaError {
  return new AividaError({
    code: 'blob.corrupt',
    category: 'platform',
    message: `blob ${root} was damaged where it was kept and has been dropped; fetch or put it again, and check the disk`,
    retryable: true,
    facts: { blob: root },
  })
}

/** `blob.limit`: the index is full of blobs that may not go. */
export function tooMany(): AividaError {
  return new AividaError({
    code: 'blob.limit',
    category: 'platform',
    message: `the store holds ${limit('blobsPerStore')} blobs, all pinned or open; unpin some`,
    retryable: true,
  })
}

/** `blob.wrong-chunk`: bytes that came as chunk `index` are not those that the root names. */
export function wrongChunk(root: Digest, index: number, peer?: string): AividaError {
  const source = peer === undefined ? '' : ` from ${peer}`
  return peerError('blob.wrong-chunk', `chunk ${index}${source} is not the one that blob ${root} names`, {
    blob: root,
    chunk: index,
    ...(peer !== undefined && { peer }),
  })
}

/** `blob.torn`: the file that another process was to write is not what it told of. */
export function torn(expected: string, found: string): AividaError {
  return userError('blob.torn', `expected ${expected}, found ${found}; write it again`)
}

/** `blob.no-files`: a store in memory has no file that another process could write. */
export function noFiles(): AividaError {
  return userError('blob.no-files', 'this store keeps no files; send the bytes themselves')
}
