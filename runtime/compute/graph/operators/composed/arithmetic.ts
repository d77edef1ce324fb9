import type { GraphBuilder } from '../../build/graph-builder.ts'
import type { Composite, OperatorCall } from '../../build/operator.ts'
import type { Value } from '../../build/value.ts'

/** Of any number of operands, two by two. */
function nested(g: GraphBuilder, call: OperatorCall, op: string): Value {
  const operands = call.inputs.map((_, i) => call.input(i))
  return operands.slice(1).reduce((sum, next) => g.apply(op, [sum, next]), call.input(0))
}

/** With two operands it stays an operator of its own. */
const pairwise =
  (op: string): Composite =>
  (g, call) =>
    call.inputs.length === 2 ? undefined : [nested(g, call, op)]

/** A reduction of something made of its first input; its axes are left as they came. */
const reducing =
  (op: string, before: (g: GraphBuilder, x: Value) => Value, after: (g: GraphBuilder, y: Value) => Value): Composite =>
  (g, call) => [after(g, g.apply(op, [before(g, call.input(0)), ...call.inputs.slice(1)], call.attributes))]

/** Arithmetic built of other operators. */
export const COMPOSED_ARITHMETIC: Readonly<Record<string, Composite>> = {
  Sum: (g, call) => [nested(g, call, 'Add')],
  Mean: (g, call) => [g.scale(nested(g, call, 'Add'), 1 / call.inputs.length)],
  Min: pairwise('Min'),
  Max: pairwise('Max'),
  ReduceL1: reducing(
    'ReduceSum',
    (g, x) => g.apply('Abs', [x]),
    (_, y) => y,
  ),
  ReduceLogSum: reducing(
    'ReduceSum',
    (_, x) => x,
    (g, y) => g.apply('Log', [y]),
  ),
  LpNormalization: (g, call) => {
    const x = call.input(0)
    const axes = [call.axis(call.int('axis', -1), x.shape.length)]
    const op = call.int('p', 2) === 1 ? 'ReduceL1' : 'ReduceL2'
    return [g.div(x, g.apply(op, [x, g.integers(axes)]))]
  },
  Size: (g, call) => [
    g.scalar(
      call.input(0).shape.reduce((count, dim) => count * dim, 1),
      'int64',
    ),
  ],
}
