import { peerError } from '../../base/index.ts'
import type { Receipt } from '../../protocol/index.ts'

/** What a coordinator knows of a job that a receipt is about. */
export interface GivenLeases {
  readonly epoch: number
  /** Number of the next lease of this epoch: none from there on was given. */
  readonly nextLease: number
}

/**
 * Throws `receipt.not-leased` when a receipt is for a lease that was certainly never given to its worker: the job
 * employed it at no time, or the lease is of an epoch or a number still to come. Any other lease that is not known any
 * more may just be over.
 */
export function assertLeased(given: GivenLeases | undefined, isEmployed: boolean, receipt: Receipt): void {
  const { lease, job, worker, epoch } = receipt
  const [name, leaseEpoch, number] = lease.split('.')
  const isWellFormed = name === job && Number(leaseEpoch) === epoch && /^\d{1,15}$/.test(number ?? '')
  const isToCome = given && (epoch > given.epoch || (epoch === given.epoch && Number(number) >= given.nextLease))
  if (!isEmployed || !isWellFormed || isToCome)
    throw peerError('receipt.not-leased', `${worker} sent a receipt for ${lease}, which it was never given`)
}
