import { userError } from '../../../base/index.ts'
import { gradients } from '../build/gradient.ts'
import type { GraphBuilder } from '../build/graph-builder.ts'
import type { Value } from '../build/value.ts'
import type { NamedValues } from '../layers/layer.ts'
import type { Parameter } from '../layers/parameters.ts'

/** Scalars of one pass: what is made smaller, and other metrics. */
type Losses = NamedValues & { readonly loss: Value }

/** What {@link accumulated} is told. */
export interface AccumulationInit {
  readonly batch: NamedValues
  readonly batchSize: number
  /** How many parts the batch is cut into. */
  readonly parts: number
  readonly lossOf: (part: NamedValues) => Losses
  /** What to differentiate by; asked for after each pass. */
  readonly trained: () => readonly Parameter[]
}

/**
 * Gradients of the mean loss over equal parts of a batch, and the losses of each. A part begins when the gradients of the
 * one before are there, so that the memory of one pass is enough for all. Throws `graph.batch`, `graph.nothing-to-train`.
 */
export function accumulated(
  g: GraphBuilder,
  { batch, batchSize, parts, lossOf, trained }: AccumulationInit,
): { readonly losses: readonly Losses[]; readonly sums: readonly Value[] } {
  if (!Number.isInteger(batchSize) || batchSize < 1 || !Number.isInteger(parts) || batchSize % parts !== 0)
    throw userError(
      'graph.batch',
      `expected a batch that ${parts} equal parts make up, found ${batchSize} samples; take a multiple`,
    )
  const size = batchSize / parts
  const losses: Losses[] = []
  let sums: readonly Value[] = []
  for (let i = 0; i < parts; i++) {
    const after = i === 0 ? undefined : g.within('parts', () => touched(g, sums))
    const part = Object.entries(batch).map(([name, value]) => {
      if (parts === 1) return [name, value]
      const own = g.slice(value, { axes: [0], starts: [i * size], ends: [(i + 1) * size] })
      return [name, after ? g.apply('Where', [after, own, own]) : own]
    })
    const found = lossOf(Object.fromEntries(part))
    const wrt = trained().map(({ value }) => value)
    if (wrt.length === 0)
      throw userError('graph.nothing-to-train', 'expected a parameter to train, found none that is not frozen')
    const own = gradients(g, g.scale(found.loss, 1 / parts), wrt)
    sums = i === 0 ? own : sums.map((sum, at) => g.add(sum, own[at]!))
    losses.push(found)
  }
  return { losses, sums }
}

/** A bool that is known when these are: engines order what they run by what it needs, and by nothing else. */
function touched(g: GraphBuilder, values: readonly Value[]): Value {
  const firsts = values.map((value) => g.slice(g.reshape(value, [-1]), { axes: [0], starts: [0], ends: [1] }))
  const all = g.concat(firsts, 0)
  return g.apply('Equal', [g.max(all, undefined, false), g.scalar(0)])
}
