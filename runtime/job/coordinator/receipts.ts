import { peerError } from '../../base/index.ts'
import { type ControlMessageOf, inlineBlobs, openReceipts, peerIdOf } from '../../protocol/index.ts'
import type { LeaseRecord } from '../scheduler/index.ts'
import type { CoordinatorPorts } from './ports.ts'
import type { VerifiedResult } from './results.ts'

/**
 * The results in a worker's message, each checked as it is taken: the worker signed it, under its own lease, for the
 * shard and epoch of that lease, and outputs that came along are what it names. Receipts of leases that are not known
 * here any more are the caller's to judge.
 * Throws `signature.*`, `encoding.*`, `frame.inline`, `receipt.signer`, `receipt.lease`, `receipt.worker`,
 * `receipt.root`, `blob.wrong-chunk`.
 */
export function* verifiedResults(
  { matches }: Pick<CoordinatorPorts, 'matches'>,
  leases: ReadonlyMap<string, LeaseRecord>,
  peer: string,
  message: ControlMessageOf<'receipts'>,
  body: Uint8Array,
): Generator<VerifiedResult> {
  const { receipts, by } = openReceipts(message.batch)
  if (peerIdOf(by) !== peer) throw peerError('receipt.signer', `receipts from ${peer} are signed by ${peerIdOf(by)}`)
  const inline = inlineBlobs(message.inline, body)
  for (const receipt of receipts) {
    const lease = leases.get(receipt.lease)
    if (lease && (lease.shard.id !== receipt.shard || lease.epoch !== receipt.epoch))
      throw peerError('receipt.lease', `the receipt of ${peer} for ${receipt.lease} names another shard or epoch`)
    if (receipt.worker !== peer || (lease && lease.device.worker.peer !== peer))
      throw peerError('receipt.worker', `${peer} sent a receipt of ${receipt.worker} for ${receipt.lease}`)
    const bytes = inline.get(receipt.outputs.blob)
    if (bytes && !matches(receipt.outputs, bytes))
      throw peerError('blob.wrong-chunk', `the outputs of ${peer} for ${receipt.lease} are not what its receipt names`)
    yield { receipt, inline: bytes }
  }
}
