import type { NamedTensors } from '../../data/tensor/index.ts'
import { typedArrayOf } from '../../data/tensor/index.ts'
import type { Checkpoint, ComputedBy, ResultPart, TrainShard } from '../../protocol/index.ts'
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
  const other = differentCommitment(part.computedBy?.[0], trained)
  if (other) {
    const step = Math.min((Math.floor(fromStep / commitEvery) + other.at + 1) * commitEvery, fromStep + steps)
    return { what: 'commitment', part: part.index, step, ...other.values }
  }
  const step = fromStep + steps
  const { state, validation } = part.checkpoint ?? {}
  const measured = differentValidation(validation, trained)
  if (measured) return { what: 'validation', part: part.index, step, ...measured }
  if (state && state.blob !== trained.state.blob)
    return { what: 'state', part: part.index, step, expected: state.blob, found: trained.state.blob }
  return undefined
}

/** The first commitment that is another, or missing; who computed it may not be known, then there is none to compare. */
export function differentCommitment(
  by: ComputedBy | undefined,
  redone: Pick<Redone, 'commitments'>,
): { readonly at: number; readonly values: Pick<Difference, 'expected' | 'found'> } | undefined {
  if (!by) return undefined
  const { commitments = [] } = by
  for (let at = 0; at < Math.max(commitments.length, redone.commitments.length); at++) {
    const [expected, found] = [commitments[at] ?? 'none', redone.commitments[at] ?? 'none']
    if (found !== expected) return { at, values: { expected, found } }
  }
  return undefined
}

/** The first measurement of an evaluation that is another, or missing on either side. */
export function differentValidation(
  recorded: Checkpoint['validation'],
  { metrics }: Pick<Redone, 'metrics'>,
): Pick<Difference, 'name' | 'expected' | 'found'> | undefined {
  const here = Object.keys(metrics).filter((column) => column.startsWith(VALIDATION))
  const names = new Set([...Object.keys(recorded ?? {}), ...here.map((column) => column.slice(VALIDATION.length))])
  for (const name of names) {
    const measured = metrics[`${VALIDATION}${name}`]
    const found = measured ? Number(typedArrayOf(measured).at(-1)) : undefined
    const expected = recorded?.[name]
    if (!Object.is(found, expected)) return { name, expected: String(expected), found: String(found) }
  }
  return undefined
}

/** The first row in which two tables differ, of columns that the second has; that is the first one's rows `from` there on. */
export function differentRow(
  recorded: NamedTensors,
  found: NamedTensors,
  from: number,
): { readonly row: number; readonly values: Pick<Difference, 'name' | 'expected' | 'found'> } | undefined {
  let first: { row: number; values: Pick<Difference, 'name' | 'expected' | 'found'> } | undefined
  for (const [name, ours] of Object.entries(found)) {
    const theirs = recorded[name]
    if (!theirs && name.startsWith(VALIDATION)) continue // what was measured is in checkpoints
    if (!theirs) return { row: 0, values: { name, expected: 'none', found: 'a column' } }
    if (theirs.dtype === 'string' || ours.dtype === 'string') continue
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
