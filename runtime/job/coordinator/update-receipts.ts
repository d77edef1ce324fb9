import { peerError } from '../../base/index.ts'
import { type BlobRef, isReplica, type Receipt, type ReplicaShard, type ShardSpec } from '../../protocol/index.ts'

/** No compressor makes more of an element than this, nor adds more to an update. Bytes. */
const [ELEMENT_BYTES, UPDATE_BYTES] = [8, 4_096]

/** What a checkpoint holds beside the state that it began with and the momentum of the outer step. Bytes. */
const CHECKPOINT_BYTES = 1 << 20

/**
 * Throws `receipt.updates` or `receipt.state` when a receipt of a round lacks what others build on, or names something
 * that cannot be it: an update for each slice, of a size that its elements can have; what the member goes on from; the hash
 * of the state that it began with; a checkpoint no larger than one is. Receipts of other shards are not looked at.
 */
export function assertRoundReceipt(spec: ShardSpec, receipt: Receipt): void {
  if (spec.kind === 'reduce') {
    assertUpdates(receipt, [spec.length])
    return
  }
  if (!isReplica(spec)) return
  const { steps, replica } = spec
  assertUpdates(receipt, steps === 0 ? [] : lengthsOf(replica))
  const { state, commitments = [], worker, lease } = receipt
  if (!state || commitments.length === 0 || (steps === 0 && state.sizeBytes > checkpointBytes(spec)))
    throw peerError(
      'receipt.state',
      `the receipt of ${worker} for ${lease} does not name ${steps === 0 ? 'a checkpoint' : 'what it goes on from'} and what it began with, in a plausible size`,
    )
}

function assertUpdates({ updates = [], worker, lease }: Receipt, lengths: readonly number[]): void {
  const isPlausible = ({ sizeBytes }: BlobRef, i: number) =>
    sizeBytes > 0 && sizeBytes <= ELEMENT_BYTES * lengths[i]! + UPDATE_BYTES
  if (updates.length !== lengths.length || !updates.every(isPlausible))
    throw peerError(
      'receipt.updates',
      `the receipt of ${worker} for ${lease} names ${updates.length} updates (${updates.map(({ sizeBytes }) => sizeBytes).slice(0, 5)} bytes); expected ${lengths.length}, for ${lengths.slice(0, 5)} elements`,
    )
}

function lengthsOf({ slices }: ReplicaShard['replica']): number[] {
  return slices.map((end, i) => end - (slices[i - 1] ?? 0))
}

/** The state that it began with may be the initial one, which has no momentum. */
function checkpointBytes({ state, replica }: ReplicaShard): number {
  return 2 * (state.sizeBytes + 4 * replica.slices.at(-1)!) + CHECKPOINT_BYTES
}
