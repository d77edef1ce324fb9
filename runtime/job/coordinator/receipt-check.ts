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
  if (!isEmployed || !wasGiven(given, receipt))
    throw peerError(
      'receipt.not-leased',
      `${receipt.worker} sent a receipt for ${receipt.lease}, which it was never given`,
    )
}

/** Whether a lease may have been given: it is named as its job's are, and not of an epoch or a number still to come. */
export function wasGiven(
  given: GivenLeases | undefined,
  { lease, job, epoch }: Pick<Receipt, 'lease' | 'job' | 'epoch'>,
): boolean {
  const [name, leaseEpoch, number] = lease.split('.')
  const isWellFormed = name === job && Number(leaseEpoch) === epoch && /^\d{1,15}$/.test(number ?? '')
  const isToCome = given && (epoch > given.epoch || (epoch === given.epoch && Number(number) >= given.nextLease))
  return isWellFormed && !isToCome
}
