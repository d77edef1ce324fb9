import type { NamedTensors } from '../../data/tensor/index.ts'
import { typedArrayOf } from '../../data/tensor/index.ts'
import type { ResultPart, TrainShard } from '../../protocol/index.ts'
import type { Redone } from './replay-worker.ts'
import type { Difference, TensorDifference } from './verdict.ts'

/** What a shard of training is compared with. */
export interface Recorded {
  readonly part: ResultPart
  /** The columns of the part's file. */
  readonly metrics: NamedTensors
}

/** How outputs of an evaluation are told from those of steps. */
const VALIDATION = 'validation.'

/** Where a shard first came to something else than was recorded; the earliest step is named. `undefined`: nowhere. */
export function differenceOf(
  { part, metrics }: Recorded,
  { fromStep, steps, commitEvery }: TrainShard,
  trained: Redone,
): Difference | undefined {
  const row = differentRow(metrics, trained.metrics, 0)
  if (row) return { what: 'metrics', part: part.index, step: fromStep + row.row + 1, ...row.values }
  const commitments = part.computedBy?.[0]?.commitments ?? []
  for (const [i, expected] of commitments.entries()) {
    const found = trained.commitments[i] ?? 'none'
    const step = Math.min((Math.floor(fromStep / commitEvery) + i + 1) * commitEvery, fromStep + steps)
    if (found !== expected) return { what: 'commitment', part: part.index, step, expected, found }
  }
  const step = fromStep + steps
  const { state, validation = {} } = part.checkpoint ?? {}
  for (const [name, expected] of Object.entries(validation)) {
    const measured = trained.metrics[`${VALIDATION}${name}`]
    const found = measured ? Number(typedArrayOf(measured).at(-1)) : undefined
    if (found !== expected)
      return { what: 'validation', part: part.index, step, name, expected: String(expected), found: String(found) }
  }
  if (state && state.blob !== trained.state.blob)
    return { what: 'state', part: part.index, step, expected: state.blob, found: trained.state.blob }
  return undefined
}

/** The first row in which two tables differ, of columns that both have; the second is the first one's rows `from` there on. */
export function differentRow(
  recorded: NamedTensors,
  found: NamedTensors,
  from: number,
): { readonly row: number; readonly values: Pick<Difference, 'name' | 'expected' | 'found'> } | undefined {
  let first: { row: number; values: Pick<Difference, 'name' | 'expected' | 'found'> } | undefined
  for (const [name, ours] of Object.entries(found)) {
    const theirs = recorded[name]
    if (!theirs || theirs.dtype === 'string' || ours.dtype === 'string') continue
    const [a, b] = [typedArrayOf(theirs), typedArrayOf(ours)]
    for (let row = 0; row < Math.min(b.length, first?.row ?? b.length); row++) {
      const [expected, found] = [a[from + row], b[row]]
      if (!Object.is(expected, found))
        first = { row, values: { name, expected: String(expected), found: String(found) } }
    }
  }
  return first
}

/** Which tensors of two states differ and by how much, in the order of the first one. f32 only; others by their bytes. */
export function differentTensors(recorded: NamedTensors, found: NamedTensors): TensorDifference[] {
  return Object.entries(recorded).flatMap(([name, expected]): TensorDifference[] => {
    const other = found[name]
    if (!other || other.dtype !== expected.dtype || String(other.shape) !== String(expected.shape))
      return [{ name, relative: Number.POSITIVE_INFINITY }]
    if (expected.dtype === 'string' || other.dtype === 'string') return []
    if (Buffer.compare(expected.data, other.data) === 0) return []
    return [{ name, relative: distance(typedArrayOf(expected), typedArrayOf(other)) }]
  })
}

/** L2 norm of the difference of two vectors, over that of the first. */
export function distance(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): number {
  let [apart, norm] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [Number(a[i]), Number(b[i])]
    apart += (x - y) ** 2
    norm += x ** 2
  }
  return apart === 0 ? 0 : Math.sqrt(apart / norm)
}

/** The largest relative difference of two columns, of as many rows as the second has, `from` which row of the first on. */
export function farthest(
  recorded: ArrayLike<number | bigint>,
  from: number,
  found: ArrayLike<number | bigint>,
): number {
  let most = 0
  for (let i = 0; i < found.length; i++) {
    const [a, b] = [Number(recorded[from + i]), Number(found[i])]
    if (!Object.is(a, b)) most = Math.max(most, Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b)))
  }
  return Number.isNaN(most) ? Number.POSITIVE_INFINITY : most
}
