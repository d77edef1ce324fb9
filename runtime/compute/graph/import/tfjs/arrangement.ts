import type { GraphBuilder } from '../../build/graph-builder.ts'
import type { Value } from '../../build/value.ts'

/**
 * A value of a TensorFlow.js model, and how its axes lie. There channels come last; the operators here want them second.
 * So a picture is turned where the first of them meets it, and back where something depends on the order.
 */
export interface Arranged {
  readonly value: Value
  /** The last axis as TensorFlow.js has it lies second. */
  readonly channelsFirst: boolean
}

/** A value as TensorFlow.js has it. */
export function given(value: Value): Arranged {
  return { value, channelsFirst: false }
}

/** A value whose channels were put second. */
export function channelsFirst(value: Value): Arranged {
  return { value, channelsFirst: true }
}

/** The shape that TensorFlow.js sees. */
export function shapeOf({ value: { shape }, channelsFirst }: Arranged): readonly number[] {
  return channelsFirst ? [shape[0]!, ...shape.slice(2), shape[1]!] : shape
}

/** With the axes as TensorFlow.js has them. */
export function asGiven(g: GraphBuilder, { value, channelsFirst }: Arranged): Value {
  return channelsFirst ? turned(g, value, [0, ...value.shape.slice(2).map((_, i) => i + 2), 1]) : value
}

/** With the last axis, as TensorFlow.js has it, second. */
export function withChannelsFirst(g: GraphBuilder, { value, channelsFirst }: Arranged): Value {
  const last = value.shape.length - 1
  return channelsFirst ? value : turned(g, value, [0, last, ...value.shape.slice(2).map((_, i) => i + 1)])
}

/** As the other one lies, if both have as many axes; else as TensorFlow.js has it. */
export function arrangedLike(g: GraphBuilder, x: Arranged, like: Arranged): Value {
  const first = like.channelsFirst && like.value.shape.length === x.value.shape.length
  return first ? withChannelsFirst(g, x) : asGiven(g, x)
}

/** Where an axis that TensorFlow.js counts so lies in the value. */
export function axisIn({ value, channelsFirst }: Arranged, axis: number): number {
  if (!channelsFirst || axis === 0) return axis
  return axis === value.shape.length - 1 ? 1 : axis + 1
}

/** Transposed; where only axes of size 1 change places, no element moves. */
function turned(g: GraphBuilder, value: Value, perm: readonly number[]): Value {
  if (value.shape.length < 3) return value
  const moving = perm.filter((axis) => axis === 0 || value.shape[axis] !== 1)
  const inOrder = moving.every((axis, i) => i === 0 || axis > moving[i - 1]!)
  return inOrder ? g.reshape(value, [-1, ...perm.slice(1).map((axis) => value.shape[axis]!)]) : g.transpose(value, perm)
}
