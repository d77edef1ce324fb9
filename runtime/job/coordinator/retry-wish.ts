import type { ControlMessageOf } from '../../protocol/index.ts'

type Declined = ControlMessageOf<'decline'>['leases'][number]

/** What counts of a worker's refusal: when to ask again is its wish, within reason. */
export function withinReason({ lease, reason, retryAfterMs }: Declined): Omit<Declined, 'message'> {
  return { lease, reason, retryAfterMs: Math.min(Math.max(retryAfterMs, 100), 60_000) }
}
