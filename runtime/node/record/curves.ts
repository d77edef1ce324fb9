import { type NamedTensors, typedArrayOf } from '../../data/tensor/index.ts'
import type { JobRecordDocument, ResultPart } from '../../protocol/index.ts'

/** What was measured, by how many steps (of rounds: batches) had been made. */
export interface Curve {
  /** `loss`, `accuracy`, ... */
  readonly metric: string
  /** Of all steps, in the order in which they counted; of rounds the mean of all members. */
  readonly training: readonly Point[]
  /** On data that is not learned from. */
  readonly validation: readonly Point[]
  /** Of rounds: what each member measured on its own samples, by its peer. */
  readonly members: ReadonlyMap<string, readonly Point[]>
}

/** A measurement after `x` steps. */
export type Point = readonly [x: number, y: number]

/** Columns of a training's parts that measure nothing; those of its evaluations are told by its checkpoints. */
const NOT_MEASURED: readonly string[] = ['row', 'step', 'learningRate', 'member']
const EVALUATED = 'validation.'
/** Points of a line: more of them are no sharper on a screen. */
const POINTS = 400

/** What a training measured on its way, from the files of its parts. Throws what `read` throws. */
export async function curvesOf(
  record: JobRecordDocument,
  read: (part: ResultPart) => Promise<NamedTensors>,
): Promise<Curve[]> {
  if (record.request.program !== 'train') return []
  const lines = new Map<string, Growing>()
  const of = (metric: string): Growing => {
    const line: Growing = lines.get(metric) ?? { training: [], validation: [], members: new Map() }
    lines.set(metric, line)
    return line
  }
  for (const part of record.parts) {
    const { checkpoint, rows, firstRow } = part
    for (const [name, value] of Object.entries(checkpoint?.validation ?? {}))
      of(name).validation.push([checkpoint!.step, value])
    if (rows === 0) continue
    for (const [metric, values] of Object.entries(measuredIn(await read(part)))) {
      const line = of(metric)
      if (part.round) addRound(line, part, values)
      else for (const [i, value] of values.entries()) line.training.push([firstRow + i + 1, value])
    }
  }
  return [...lines]
    .map(([metric, { training, validation, members }]) => ({
      metric,
      training: thinned(training),
      validation: thinned(validation),
      members: new Map([...members].map(([peer, points]) => [peer, thinned(points)])),
    }))
    .sort((a, b) => order(a.metric) - order(b.metric) || (a.metric < b.metric ? -1 : 1))
}

/** What each step of a part measured on what it learned from, by metric: of the columns of its file those that do. */
export function measuredIn(columns: NamedTensors): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(columns).flatMap(([name, tensor]) => {
      if (NOT_MEASURED.includes(name) || name.startsWith(EVALUATED)) return []
      if (tensor.dtype === 'string' || tensor.shape.length !== 1) return []
      return [[name, Array.from<number | bigint, number>(typedArrayOf(tensor) as ArrayLike<number | bigint>, Number)]]
    }),
  )
}

/** A curve that is being read. */
interface Growing {
  readonly training: Point[]
  readonly validation: Point[]
  readonly members: Map<string, Point[]>
}

/** A round is one point: its members made their steps side by side. Their rows follow each other as they counted. */
function addRound(
  { training, members }: Growing,
  { round, firstRow, rows }: ResultPart,
  values: readonly number[],
): void {
  const counted = round?.counted ?? []
  const after = firstRow + (values.length > 0 ? values.length : rows)
  training.push([after, mean(values)])
  let at = 0
  for (const { peer, batches } of counted) {
    const own = batches.reduce((sum, { count }) => sum + count, 0)
    const points = members.get(peer) ?? []
    members.set(peer, points)
    points.push([after, mean(values.slice(at, at + own))])
    at += own
  }
}

function order(metric: string): number {
  return metric === 'loss' ? 0 : metric === 'accuracy' ? 1 : 2
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Neighbours become their mean where there are many; what is no number is left out. */
function thinned(points: readonly Point[]): Point[] {
  const finite = points.filter(([, y]) => Number.isFinite(y))
  const each = Math.ceil(finite.length / POINTS)
  if (each <= 1) return [...finite]
  return Array.from({ length: Math.ceil(finite.length / each) }, (_, i): Point => {
    const some = finite.slice(i * each, (i + 1) * each)
    return [some.at(-1)![0], mean(some.map(([, y]) => y))]
  })
}
