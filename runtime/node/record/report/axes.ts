/** A place in a drawing: tenths of a pixel are enough. */
export function place(value: number): string {
  return value.toFixed(1)
}

/** The least and the greatest of some values, apart from each other. */
export function widened(values: readonly number[]): [number, number] {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) [min, max] = [Math.min(min, value), Math.max(max, value)]
  return min === max ? [min - Math.max(1e-9, Math.abs(min) / 2), max + Math.max(1e-9, Math.abs(max) / 2)] : [min, max]
}

/** Round numbers around a range, four to eight of them. */
export function ticksOf(min: number, max: number): number[] {
  const rough = (max - min) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power
  const first = Math.floor(min / step)
  const last = Math.ceil(max / step)
  return Array.from({ length: Math.min(12, last - first + 1) }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}
