import type { Processor } from './processors.ts'

/** What one model came to on every processor. */
export interface Compared {
  /** Rows or samples a second, a figure a round. */
  readonly rates: ReadonlyMap<Processor, readonly number[]>
  /** By how much a card's results differ from the CPU's, as a share of the largest of them. */
  readonly off: ReadonlyMap<Processor, number>
  /** Whether two engines on the same card gave the same bits. */
  readonly same: ReadonlyMap<Processor, boolean>
}

/** The cards last: what they give is compared with what the CPU gave, which is taken of all its threads. */
export function referenceOf(all: readonly Processor[]): Processor {
  return all.findLast(({ card }) => !card)!
}

/** The largest difference, as a share of the largest number expected; infinity where one is no number. */
export function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [far, scale] = [0, 1e-30]
  for (let i = 0; i < expected.length; i++) {
    const off = Math.abs(found[i]! - expected[i]!)
    if (!Number.isFinite(off)) return Number.POSITIVE_INFINITY
    far = Math.max(far, off)
    scale = Math.max(scale, Math.abs(expected[i]!))
  }
  return far / scale
}
