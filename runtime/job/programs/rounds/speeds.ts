/** Speeds that differ by no more than this are equal: what is measured on a busy machine wavers by as much. */
const EVEN = 1.25

/** Milliseconds of a member's round that say nothing of its speed: what a round costs whatever is learned, and noise. */
const FIXED_MS = 20

/** How far shares go back to even ones in each round, so that what was noise is forgotten. */
const EVENING = 0.1

/**
 * What share a member is to have after a round, where 1 is that of the average member: `share` is what it had,
 * `ms` how long it took. Half of the way (in logarithms) to where all take as long, so that what a round costs
 * beside its steps never makes a member with few batches look slow.
 */
export function shareAfter(share: number, ms: number, averageMs: number): number {
  const time = (ms + FIXED_MS) / (averageMs + FIXED_MS)
  return (share + EVENING * (1 - share)) / Math.sqrt(time)
}

/**
 * Deals the batches of a round out: each member has at least one, and as many as its share of the speed where they differ
 * by more than a quarter. A `speed` of 0 is not known; such a member is as fast as the others on average. `batches` must
 * not be fewer than members.
 */
export function dealOut(batches: number, speeds: readonly number[]): number[] {
  const known = speeds.filter((speed) => speed > 0)
  const average = known.reduce((sum, speed) => sum + speed, 0) / Math.max(1, known.length)
  const shares = speeds.map((speed) => (speed > 0 ? speed : average))
  const isEven = known.length === 0 || Math.max(...shares) <= EVEN * Math.min(...shares)
  return byShares(batches, isEven ? speeds.map(() => 1) : shares)
}

/** Largest remainders (Hamilton's method), ties to the first; one each beforehand. */
function byShares(batches: number, shares: readonly number[]): number[] {
  const total = shares.reduce((sum, share) => sum + share, 0)
  const exact = shares.map((share) => (share / total) * batches)
  const dealt = exact.map((share) => Math.max(1, Math.floor(share)))
  let left = batches - dealt.reduce((sum, count) => sum + count, 0)
  const byRemainder = exact
    .map((share, index) => ({ index, remainder: share - Math.floor(share) }))
    .sort((a, b) => b.remainder - a.remainder || a.index - b.index)
  for (const { index } of byRemainder) {
    if (left <= 0) break
    dealt[index]!++
    left--
  }
  while (left < 0) {
    // somebody has too many because others have at least one
    const richest = dealt.indexOf(Math.max(...dealt))
    dealt[richest]!--
    left++
  }
  return dealt
}
