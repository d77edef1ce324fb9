import { limit } from '../../../base/index.ts'
import { sliceEnds } from '../../../compute/update/index.ts'
import type { TrainingSpec } from '../../../protocol/index.ts'

/** Members from which each of them reduces a slice, so that no link carries what all send. */
const BUTTERFLY = 4

/**
 * Where the slices of a round end: one with few members (a star), one a member otherwise. What compression left over
 * belongs to a cut, so the one before is kept until there are twice as many members, or half as many.
 */
export function slicesOf(
  { length, plain }: NonNullable<TrainingSpec['rounds']>,
  members: number,
  before: readonly number[],
): number[] {
  if (members < BUTTERFLY) return [length]
  const had = before.length
  if (had > 1 && members < 2 * had && members > had / 2) return [...before]
  return sliceEnds(length, plain, Math.min(members, limit('slicesPerRound')))
}
