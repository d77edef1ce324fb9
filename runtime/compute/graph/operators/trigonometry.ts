import type { GraphBuilder } from '../build/graph-builder.ts'
import type { Operator } from '../build/operator.ts'
import type { Value } from '../build/value.ts'
import { likeFloatInput } from './inference.ts'

/** A function whose slope is made of its input and output. */
const curve = (slope: (g: GraphBuilder, x: Value, y: Value) => Value): Operator => ({
  infer: likeFloatInput,
  gradient: ({ g, d, inputs, outputs }) => [g.mul(d, slope(g, inputs[0]!, outputs[0]!))],
})
const square = (g: GraphBuilder, x: Value) => g.mul(x, x)
const one = (g: GraphBuilder, x: Value) => g.scalar(1, x.dtype)
const over = (g: GraphBuilder, x: Value) => g.apply('Reciprocal', [x])

/** Functions of angles, and their inverses. */
export const TRIGONOMETRY: Readonly<Record<string, Operator>> = {
  Sin: curve((g, x) => g.apply('Cos', [x])),
  Cos: curve((g, x) => g.neg(g.apply('Sin', [x]))),
  Tan: curve((g, _, y) => g.shift(square(g, y), 1)),
  Asin: curve((g, x) => over(g, g.sqrt(g.sub(one(g, x), square(g, x))))),
  Acos: curve((g, x) => g.neg(over(g, g.sqrt(g.sub(one(g, x), square(g, x)))))),
  Atan: curve((g, x) => over(g, g.shift(square(g, x), 1))),
  Sinh: curve((g, x) => g.apply('Cosh', [x])),
  Cosh: curve((g, x) => g.apply('Sinh', [x])),
  Asinh: curve((g, x) => over(g, g.sqrt(g.shift(square(g, x), 1)))),
  Acosh: curve((g, x) => over(g, g.sqrt(g.shift(square(g, x), -1)))),
  Atanh: curve((g, x) => over(g, g.sub(one(g, x), square(g, x)))),
}
