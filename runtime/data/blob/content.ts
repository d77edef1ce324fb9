import { open } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { AividaError, aborted, limit } from '../../base/index.ts'

/** Bytes to be kept: whole, in pieces, or as they come. */
export type BlobContent = Uint8Array | readonly Uint8Array[] | AsyncIterable<Uint8Array>

/**
 * Content cut into chunks of `chunkBytes`, the last one shorter: views where a chunk lies in one piece, else copies. `passing`: a
 * copy is good until the next but one is asked for, so that a gigabyte that passes leaves no gigabyte to be collected.
 * Gives the event loop a turn now and then, because hashing gigabytes in memory would starve the connections. Throws
 * `aborted`.
 */
export async function* chunksOf(
  content: BlobContent,
  options: { readonly signal?: AbortSignal; readonly passing?: boolean } = {},
): AsyncGenerator<Uint8Array> {
  const chunkBytes = limit('chunkBytes')
  const rooms: Buffer[] = []
  let partBytes = 0
  const join = (parts: readonly Uint8Array[]): Uint8Array => {
    if (parts.length === 1) return parts[0]!
    if (!options.passing || partBytes < chunkBytes) return Buffer.concat(parts) // small ones come by the thousand
    const room = rooms.length < 2 ? Buffer.allocUnsafeSlow(chunkBytes) : rooms.shift()!
    rooms.push(room)
    let at = 0
    for (const part of parts) {
      room.set(part, at)
      at += part.byteLength
    }
    return room.subarray(0, at)
  }
  let parts: Uint8Array[] = []
  let count = 0
  for await (let piece of content instanceof Uint8Array ? [content] : content) {
    while (piece.byteLength > 0) {
      if (options.signal?.aborted) throw aborted()
      const part = piece.subarray(0, chunkBytes - partBytes)
      piece = piece.subarray(part.byteLength)
      parts.push(part)
      partBytes += part.byteLength
      if (partBytes < chunkBytes) continue
      yield join(parts)
      parts = []
      partBytes = 0
      if (++count % CHUNKS_PER_TURN === 0) await nextTurn()
    }
  }
  if (partBytes > 0) yield join(parts)
}

/** About 10 ms of hashing. */
const CHUNKS_PER_TURN = 16

/** The bytes of a file as they are read. Throws `blob.no-file`. */
export async function* fileContent(path: string): AsyncGenerator<Uint8Array> {
  try {
    const file = await open(path, 'r')
    try {
      for (;;) {
        const { buffer, bytesRead } = await file.read({ buffer: Buffer.allocUnsafeSlow(limit('chunkBytes')) })
        if (bytesRead === 0) return
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new AividaError({
      code: 'blob.no-file',
      category: 'user',
      message: `cannot read ${path} (${error instanceof Error ? error.message : error}); give a file that may be read`,
      cause: error,
    })
  }
}
