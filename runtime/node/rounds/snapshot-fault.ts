import { type Digest, peerError, toAividaError } from '../../base/index.ts'
import type { StepSignature } from '../../compute/graph/index.ts'
import { joined, snapshotHash } from '../../compute/training/index.ts'
import type { BlobStore } from '../../data/blob/index.ts'
import type { BlobRef, ReplicaShard } from '../../protocol/index.ts'

/**
 * Throws `receipt.snapshot` unless a file that was brought here is a snapshot of the step's state whose shared part has the
 * hash that its maker says it began with: others are to go on from it, and the last one is the result. Throws `blob.*`,
 * `disk.*` where it cannot be read.
 */
export async function assertSnapshot(
  blobs: BlobStore,
  { blob }: BlobRef,
  shard: ReplicaShard,
  commitment: Digest,
): Promise<void> {
  const signature = await signatureOf(blobs, shard)
  const file = await blobs.open(blob)
  let found: Digest
  try {
    found = await snapshotHash(file, signature, shard.replica.mode)
  } catch (error) {
    const { code, message } = toAividaError(error)
    if (!/^(train|tensor)\./.test(code)) throw error
    throw peerError('receipt.snapshot', `its snapshot is none: ${message}`, { cause: code })
  } finally {
    await file.close()
  }
  if (found !== commitment)
    throw peerError(
      'receipt.snapshot',
      `its snapshot has the shared state ${found.slice(0, 16)}; it says to have begun with ${commitment.slice(0, 16)}`,
    )
}

async function signatureOf(
  blobs: BlobStore,
  { model, replica: { update } }: ReplicaShard,
): Promise<Pick<StepSignature, 'state'>> {
  const { gradientSignatureOf, stepSignatureOf, updateSignatureOf } = await import('../../compute/graph/index.ts')
  const graph = await blobs.readAll(model.graph.blob)
  if (!update) return stepSignatureOf(graph)
  return joined(gradientSignatureOf(graph), updateSignatureOf(await blobs.readAll(update.graph.blob))).signature
}
