import { type Digest, limit } from '../../base/index.ts'
import { torn } from './blob-errors.ts'
import type { SharedDraft } from './medium.ts'
import { type BlobTree, checkSize, chunkDigest, treeOf } from './tree.ts'

/**
 * Hashes a draft while another process writes it: whatever `told` - bytes that are there so far - says is read back, which costs
 * little while the system still has it in memory. `grow` is asked for the space before. Throws `blob.torn` when the file is not
 * as long as the last that was told, `blob.size`, and what `told` and `grow` throw.
 */
export async function treeOfWritten(
  draft: SharedDraft,
  told: AsyncIterable<number>,
  grow: (bytes: number) => Promise<void>,
): Promise<BlobTree> {
  const chunks: Digest[] = []
  const chunkBytes = limit('chunkBytes')
  const room = Buffer.allocUnsafeSlow(chunkBytes)
  let toldBytes = 0
  const hash = async (offset: number) => {
    const chunk = room.subarray(0, Math.min(chunkBytes, toldBytes - offset))
    const found = await draft.read(offset, chunk)
    if (found < chunk.byteLength) throw torn(`the ${toldBytes} bytes that were told to be written`, `${offset + found}`)
    chunks.push(chunkDigest(chunk))
  }
  let flushedBytes = 0
  let flushing: Promise<void> | undefined
  for await (const bytes of told) {
    checkSize(bytes)
    await grow(bytes - toldBytes)
    toldBytes = bytes
    if (toldBytes - flushedBytes >= FLUSH_BYTES) {
      await flushing
      flushedBytes = toldBytes
      flushing = draft.flush()
      flushing.catch(() => {}) // heard when it is awaited: the system tells of a failed write once
    }
    while ((chunks.length + 1) * chunkBytes <= toldBytes) await hash(chunks.length * chunkBytes)
  }
  if (chunks.length * chunkBytes < toldBytes) await hash(chunks.length * chunkBytes)
  await flushing
  const foundBytes = await draft.sizeBytes()
  if (foundBytes !== toldBytes) throw torn(`the ${toldBytes} bytes that were told to be written`, `${foundBytes}`)
  return treeOf(toldBytes, chunks)
}

/** Sent to the disk while more is written, so that little is left to wait for at the end. */
const FLUSH_BYTES = 64 * 2 ** 20
