import { z } from 'zod'
import type { GraphBuilder } from '../../../build/graph-builder.ts'
import type { Value } from '../../../build/value.ts'
import { type Arranged, arrangedLike, asGiven, axisIn, given } from '../arrangement.ts'
import type { LayerRule } from '../building.ts'

/** Layers of several inputs. */
export const MERGING: Readonly<Record<string, LayerRule>> = {
  Add: elementwise('Add'),
  Subtract: elementwise('Sub'),
  Multiply: elementwise('Mul'),
  Maximum: elementwise('Max'),
  Minimum: elementwise('Min'),
  Average: () => (b, inputs) => {
    const sum = folded(b.g, inputs, 'Add')
    return { ...sum, value: b.g.scale(sum.value, 1 / inputs.length) }
  },
  Concatenate: (layer) => {
    const { axis } = layer.read(z.looseObject({ axis: z.int().default(-1) }))
    return ({ g }, inputs) => {
      const [first] = inputs as [Arranged]
      const rank = first.value.shape.length
      const values = inputs.map((input) => arrangedLike(g, input, first))
      return { ...first, value: g.concat(values, axisIn(first, axis < 0 ? axis + rank : axis)) }
    }
  },
  /** Sums of products along an axis of each: of vectors `[batch, 1]`, of a stack of matrices their product. */
  Dot: (layer) => {
    const { axes, normalize } = layer.read(
      z.looseObject({ axes: z.union([z.int(), z.tuple([z.int(), z.int()])]), normalize: z.boolean().default(false) }),
    )
    return ({ g }, inputs) => {
      const [a, b] = inputs.map((input, i) => {
        const value = asGiven(g, input)
        const axis = typeof axes === 'number' ? axes : axes[i]!
        const own = axis < 0 ? axis + value.shape.length : axis
        return { value: normalize ? unit(g, value, own) : value, axis: own }
      }) as [Operand, Operand]
      const [left, right] = [a.value.shape.length, b.value.shape.length]
      if (left === 2 && right === 2) return given(g.sum(g.mul(a.value, b.value), [1]))
      if (left !== 3 || right !== 3 || a.axis === 0 || b.axis === 0)
        throw layer.refuse(`two vectors or two matrices a sample, found ranks ${left} and ${right}`)
      const rows = a.axis === 2 ? a.value : g.swapLast(a.value)
      const columns = b.axis === 1 ? b.value : g.swapLast(b.value)
      return given(g.matmul(rows, columns))
    }
  },
}

interface Operand {
  readonly value: Value
  readonly axis: number
}

function elementwise(op: string): LayerRule {
  return () => (b, inputs) => folded(b.g, inputs, op)
}

/** One after the other. Pictures stay with their channels second if one of them has. */
function folded(g: GraphBuilder, inputs: readonly Arranged[], op: string): Arranged {
  const rank = Math.max(...inputs.map(({ value }) => value.shape.length))
  const like = inputs.find(({ channelsFirst }) => channelsFirst) ?? inputs[0]!
  const arranged = inputs.every(({ value }) => value.shape.length === rank)
    ? inputs.map((input) => arrangedLike(g, input, like))
    : inputs.map((input) => widened(g, asGiven(g, input), rank))
  const value = arranged.reduce((sum, next) => g.apply(op, [sum, next]))
  return { value, channelsFirst: like.channelsFirst && arranged.includes(like.value) }
}

/** With axes of size 1 after the batch: how TensorFlow.js merges inputs of fewer axes. */
function widened(g: GraphBuilder, value: Value, rank: number): Value {
  const [, ...rest] = value.shape
  const ones = new Array<number>(rank - value.shape.length).fill(1)
  return ones.length === 0 ? value : g.reshape(value, [-1, ...ones, ...rest])
}

/** Of length 1 along an axis, as TensorFlow.js does it: nothing is divided by less than the root of its epsilon. */
function unit(g: GraphBuilder, value: Value, axis: number): Value {
  const square = g.sum(g.mul(value, value), [axis])
  return g.div(value, g.sqrt(g.apply('Max', [square, g.scalar(1e-7)])))
}
