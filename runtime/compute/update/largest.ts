/** Largest magnitude among the first `count`; NaN where one of them is. */
export function largestOf(values: Float32Array, count: number = values.length): number {
  let found = 0
  for (let i = 0; i < count; i++) found = Math.max(found, Math.abs(values[i]!))
  return found
}
