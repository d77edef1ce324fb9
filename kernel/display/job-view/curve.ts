/** A measurement after `x` steps; of rounds: after `x` batches. */
export type Point = readonly [x: number, y: number]

/** What was measured on the way, thinned as it grows. */
export interface Curve {
  readonly training: Line
  readonly validation: Line
}

interface Line {
  readonly points: Point[]
  /** So many measurements make a point ... */
  each: number
  /** ... and those that do not yet make one. */
  readonly waiting: Point[]
  newest: Point | undefined
}

/** A line that is twice as long is thinned to this: no screen shows more. */
const POINTS = 300
/** Metrics that are drawn or told. */
const METRICS = 16

/** Adds a measurement, in the order of `x`; what comes from before (a part done again) takes its later ones back. */
export function addPoint(
  curves: Map<string, Curve>,
  metric: string,
  which: 'training' | 'validation',
  point: Point,
): void {
  if (!Number.isFinite(point[1])) return
  let curve = curves.get(metric)
  if (!curve) {
    if (curves.size >= METRICS) return
    curve = { training: line(), validation: line() }
    curves.set(metric, curve)
  }
  const { points, waiting } = curve[which]
  while ((points.at(-1)?.[0] ?? -1) >= point[0]) points.pop()
  while ((waiting.at(-1)?.[0] ?? -1) >= point[0]) waiting.pop()
  waiting.push(point)
  curve[which].newest = point
  if (waiting.length >= curve[which].each) points.push(merged(waiting.splice(0)))
  if (points.length < 2 * POINTS) return
  for (let i = 0; i < POINTS; i++) points[i] = merged([points[2 * i]!, points[2 * i + 1]!])
  points.length = POINTS
  curve[which].each *= 2
}

/** The points of a line, with the newest as they are. */
export function pointsOf({ points, waiting }: Curve['training']): readonly Point[] {
  return waiting.length === 0 ? points : [...points, merged(waiting)]
}

/** The newest measurement. */
export function latest({ newest }: Curve['training']): Point | undefined {
  return newest
}

/** Curves by metric: the loss first, the others by name. */
export function curvesInOrder({ curves }: { readonly curves: ReadonlyMap<string, Curve> }): [string, Curve][] {
  const rank = (metric: string) => (metric === 'loss' ? 0 : 1)
  return [...curves].sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
}

function line(): Line {
  return { points: [], each: 1, waiting: [], newest: undefined }
}

function merged(points: readonly Point[]): Point {
  return [points.at(-1)![0], points.reduce((sum, [, y]) => sum + y, 0) / points.length]
}
