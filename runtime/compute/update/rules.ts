/**
 * The weighted mean. Weights are normalised once, in f64, and rounded to f32. One set of values is in memory at a time.
 * `decode` writes the values of a contribution, all of them.
 */
export function meanOf(
  weights: readonly number[],
  length: number,
  decode: (at: number, into: Float32Array) => void,
): Float32Array {
  const { fround } = Math
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const sums = new Float32Array(length)
  const values = new Float32Array(length)
  for (const [at, weight] of weights.entries()) {
    decode(at, values)
    const share = fround(weight / total)
    for (let i = 0; i < length; i++) sums[i] = sums[i]! + fround(share * values[i]!)
  }
  return sums
}

/**
 * Of each coordinate, the mean of all but the `trim` smallest and largest: survives as many members that send anything (Yin
 * et al. 2018, "Byzantine-robust distributed learning", definition 2). Summed from the smallest on.
 */
export function trimmedMeanOf(all: readonly Float32Array[], trim: number): Float32Array {
  const share = Math.fround(1 / (all.length - 2 * trim))
  return eachCoordinate(all, (sorted) => {
    let sum = 0
    for (let i = trim; i < sorted.length - trim; i++) sum = Math.fround(sum + sorted[i]!)
    return sum * share
  })
}

/** Of each coordinate the middle, or the mean of the middle two: survives fewer than half (definition 1 there). */
export function medianOf(all: readonly Float32Array[]): Float32Array {
  const upper = all.length >> 1
  const lower = (all.length - 1) >> 1
  return eachCoordinate(all, (sorted) => Math.fround(sorted[lower]! + sorted[upper]!) / 2)
}

/** `combine` gets the values of one coordinate in ascending order. */
function eachCoordinate(all: readonly Float32Array[], combine: (sorted: Float32Array) => number): Float32Array {
  const combined = new Float32Array(all[0]!.length)
  const sorted = new Float32Array(all.length)
  for (let i = 0; i < combined.length; i++) {
    for (let member = 0; member < all.length; member++) {
      const value = all[member]![i]!
      let at = member
      for (; at > 0 && sorted[at - 1]! > value; at--) sorted[at] = sorted[at - 1]!
      sorted[at] = value
    }
    combined[i] = combine(sorted)
  }
  return combined
}
