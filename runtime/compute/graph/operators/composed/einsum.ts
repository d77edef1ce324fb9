import { elementCount } from '../../../../data/tensor/check.ts'
import type { GraphBuilder } from '../../build/graph-builder.ts'
import type { Composite, OperatorCall } from '../../build/operator.ts'
import { shown } from '../../build/shapes.ts'
import type { Value } from '../../build/value.ts'

/** A value with a letter for each of its axes. */
interface Term {
  readonly value: Value
  readonly letters: readonly string[]
}

/**
 * Einstein summation (https://onnx.ai/onnx/operators/onnx__Einsum.html) of any number of operands, two by two, each pair
 * as one stacked matrix product. Throws `graph.attribute` for an ellipsis or a letter twice in one operand.
 */
export const einsum: Composite = (g, call) => {
  const equation = call.text('equation', '').replaceAll(' ', '')
  const [left, right] = equation.split('->') as [string, string | undefined]
  const terms = left.split(',')
  const all = [...left.replaceAll(',', '')]
  if (equation.includes('.') || terms.some((term) => new Set(term).size !== term.length))
    throw call.refuse('attribute', `expected a letter for every axis and no letter twice in one, found ${equation}`)
  const wanted = [...(right ?? [...new Set(all)].sort().filter((l) => all.indexOf(l) === all.lastIndexOf(l)))]
  if (terms.length !== call.inputs.length || wanted.some((letter) => !all.includes(letter)))
    throw call.refuse('attribute', `expected an equation for ${call.inputs.length} operands, found ${equation}`)
  const sizes = new Map<string, number>()
  const [first, ...rest] = terms.map((term, i): Term => {
    const value = call.input(i)
    if (value.shape.length !== term.length)
      throw call.refuse('shape', `expected an operand with axes ${term}, found shape ${shown(value.shape)}`)
    expectSizes(call, sizes, term, value.shape)
    return { value, letters: [...term] }
  }) as [Term, ...Term[]]
  // The batch, as a rule: its size is left open.
  const open = all[0]
  const size = (letters: readonly string[]) =>
    open !== undefined && letters.includes(open) ? -1 : elementCount(letters.map((letter) => sizes.get(letter)!))
  const product = rest.reduce((sum, next, i) => {
    const kept = new Set([...wanted, ...rest.slice(i + 1).flatMap(({ letters }) => letters)])
    return contracted(g, sum, next, { size, kept })
  }, first)
  const summed = withoutSummed(g, product, new Set(wanted))
  return [
    g.transpose(
      summed.value,
      wanted.map((letter) => summed.letters.indexOf(letter)),
    ),
  ]
}

function expectSizes(call: OperatorCall, sizes: Map<string, number>, term: string, shape: readonly number[]): void {
  ;[...term].forEach((letter, axis) => {
    const size = shape[axis]!
    const before = sizes.get(letter)
    if (before !== undefined && before !== size)
      throw call.refuse('shape', `expected axis ${letter} to have one size, found ${before} and ${size}`)
    sizes.set(letter, size)
  })
}

/** Axes that nothing reads later are summed at once. */
function withoutSummed(g: GraphBuilder, { value, letters }: Term, kept: ReadonlySet<string>): Term {
  const axes = letters.flatMap((letter, axis) => (kept.has(letter) ? [] : [axis]))
  if (axes.length === 0) return { value, letters }
  return { value: g.sum(value, axes, false), letters: letters.filter((letter) => kept.has(letter)) }
}

/** The product of two over the letters that both have and nothing reads later. */
function contracted(
  g: GraphBuilder,
  left: Term,
  right: Term,
  { size, kept }: { size: (letters: readonly string[]) => number; kept: ReadonlySet<string> },
): Term {
  const a = withoutSummed(g, left, new Set([...kept, ...right.letters]))
  const b = withoutSummed(g, right, new Set([...kept, ...left.letters]))
  const shared = a.letters.filter((letter) => b.letters.includes(letter))
  const stack = shared.filter((letter) => kept.has(letter))
  const inner = shared.filter((letter) => !kept.has(letter))
  const rows = a.letters.filter((letter) => !shared.includes(letter))
  const columns = b.letters.filter((letter) => !shared.includes(letter))
  const matrices = ({ value, letters }: Term, [first, second]: readonly [readonly string[], readonly string[]]) => {
    const order = [...stack, ...first, ...second].map((letter) => letters.indexOf(letter))
    const each = stack.map((letter) => size([letter]))
    return g.reshape(g.transpose(value, order), [...each, size(first), size(second)])
  }
  const product = g.matmul(matrices(a, [rows, inner]), matrices(b, [inner, columns]))
  const letters = [...stack, ...rows, ...columns]
  return {
    value: g.reshape(
      product,
      letters.map((letter) => size([letter])),
    ),
    letters,
  }
}
