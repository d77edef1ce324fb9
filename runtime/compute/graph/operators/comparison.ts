import type { Operator } from '../build/operator.ts'
import { broadcastShapes, shown } from '../build/shapes.ts'
import type { Value } from '../build/value.ts'
import { broadcastInputs, likeInput } from './inference.ts'

const comparison: Operator = { infer: (call) => broadcastInputs(call, 'bool') }
const test: Operator = { infer: (call) => [{ dtype: 'bool', shape: call.input(0).shape }] }

/** Comparisons and what is chosen by them. */
export const COMPARISON: Readonly<Record<string, Operator>> = {
  Equal: comparison,
  Less: comparison,
  LessOrEqual: comparison,
  Greater: comparison,
  GreaterOrEqual: comparison,
  And: comparison,
  Or: comparison,
  Xor: comparison,
  IsNaN: test,
  IsInf: test,
  Not: { infer: likeInput },
  Where: {
    infer: (call) => {
      const [condition, a, b] = [call.input(0), call.input(1), call.input(2)]
      if (condition.dtype !== 'bool') throw call.refuse('dtype', `expected a bool condition, found ${condition.dtype}`)
      if (a.dtype !== b.dtype)
        throw call.refuse('dtype', `expected choices of one dtype, found ${a.dtype} and ${b.dtype}`)
      const choices = broadcastShapes(a.shape, b.shape)
      const shape = choices && broadcastShapes(choices, condition.shape)
      if (!shape)
        throw call.refuse(
          'shape',
          `expected shapes that broadcast, found ${[condition, a, b].map((v) => shown(v.shape)).join(', ')}`,
        )
      return [{ dtype: a.dtype, shape }]
    },
    gradient: ({ g, d, inputs, needs }) => {
      const [condition, a, b] = inputs as [Value, Value, Value]
      const mask = g.cast(condition, d.dtype)
      return [
        undefined,
        needs(1) ? g.unbroadcast(g.mul(d, mask), a.shape) : undefined,
        needs(2) ? g.unbroadcast(g.mul(d, g.sub(g.scalar(1, d.dtype), mask)), b.shape) : undefined,
      ]
    },
  },
}
