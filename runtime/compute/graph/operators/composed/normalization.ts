import { elementCount } from '../../../../data/tensor/check.ts'
import type { GraphBuilder } from '../../build/graph-builder.ts'
import type { Composite, OperatorCall } from '../../build/operator.ts'
import { shown } from '../../build/shapes.ts'
import type { Value } from '../../build/value.ts'

/** What {@link standardized} found. */
export interface Standardized {
  /** The shape of what came in, with mean 0 and variance 1 along the axes. */
  readonly value: Value
  /** Along the axes, which have size 1. */
  readonly mean: Value
  /** As `mean`; divided by the count (not the count less one). */
  readonly variance: Value
}

/** `(x - mean) / sqrt(variance + epsilon)` along `axes`, of plain operators: for training, and for any engine. */
export function standardized(g: GraphBuilder, x: Value, axes: readonly number[], epsilon: number): Standardized {
  const mean = g.mean(x, axes)
  const centred = g.sub(x, mean)
  const variance = g.mean(g.mul(centred, centred), axes)
  return { value: g.div(centred, g.sqrt(g.shift(variance, epsilon))), mean, variance }
}

/** The axes that a layer norm works on: from `axis` to the last. */
export function normalizedAxes(call: OperatorCall, shape: readonly number[]): number[] {
  const first = call.axis(call.int('axis', -1), shape.length)
  return shape.flatMap((_, axis) => (axis >= first ? [axis] : []))
}

/** A vector with a number per channel, as it broadcasts to `[batch, channels, ...spatial]`. */
function perChannel(g: GraphBuilder, vector: Value, rank: number): Value {
  return g.reshape(vector, [vector.shape[0]!, ...new Array<number>(rank - 2).fill(1)])
}

/** Zhang and Sennrich, Root Mean Square Layer Normalization (arXiv:1910.07467). */
const rootMeanSquare: Composite = (g, call) => {
  const [x, scale] = [call.input(0), call.input(1)]
  const square = g.mean(g.mul(x, x), normalizedAxes(call, x.shape))
  return [g.mul(g.div(x, g.sqrt(g.shift(square, call.float('epsilon', 1e-5)))), scale)]
}

/** Normalisations built of plain operators. */
export const COMPOSED_NORMALIZATION: Readonly<Record<string, Composite>> = {
  RMSNormalization: rootMeanSquare,
  SimplifiedLayerNormalization: rootMeanSquare,
  /** On the CPU it is an operator of its own, whose statistics are float32. */
  LayerNormalization: (g, call) => {
    if (g.target === 'cpu' && call.input(0).dtype === 'float32') return undefined
    const [x, scale] = [call.input(0), call.input(1)]
    const { value } = standardized(g, x, normalizedAxes(call, x.shape), call.float('epsilon', 1e-5))
    const scaled = g.mul(value, scale)
    return [call.has(2) ? g.add(scaled, call.input(2)) : scaled]
  },
  InstanceNormalization: (g, call) => {
    const [x, scale, bias] = [call.input(0), call.input(1), call.input(2)]
    const axes = x.shape.flatMap((_, axis) => (axis >= 2 ? [axis] : []))
    const { value } = standardized(g, x, axes, call.float('epsilon', 1e-5))
    const rank = x.shape.length
    return [g.add(g.mul(value, perChannel(g, scale, rank)), perChannel(g, bias, rank))]
  },
  /** Scale and bias are per group before opset 21 and per channel from it: their sizes say which. */
  GroupNormalization: (g, call) => {
    const [x, scale, bias] = [call.input(0), call.input(1), call.input(2)]
    const [, channels, ...area] = x.shape as [number, number, ...number[]]
    const groups = call.int('num_groups', 1)
    if (channels % groups !== 0)
      throw call.refuse('shape', `expected channels in ${groups} equal groups, found shape ${shown(x.shape)}`)
    const apart = g.reshape(x, [-1, groups, (channels / groups) * elementCount(area)])
    const { value } = standardized(g, apart, [2], call.float('epsilon', 1e-5))
    const full = [-1, channels, ...area]
    const [by, rank] = scale.shape[0] === channels ? [g.reshape(value, full), full.length] : [value, 3]
    return [g.reshape(g.add(g.mul(by, perChannel(g, scale, rank)), perChannel(g, bias, rank)), full)]
  },
  /**
   * In training it normalises by the batch's own mean and variance and gives the running ones besides (those in, moved
   * towards the batch's); for inference it is an operator of its own.
   */
  BatchNormalization: (g, call) => {
    if (call.int('training_mode', 0) === 0) return undefined
    const [x, scale, bias] = [call.input(0), call.input(1), call.input(2)]
    const rank = x.shape.length
    const axes = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]))
    const { value, mean, variance } = standardized(g, x, axes, call.float('epsilon', 1e-5))
    const kept = call.float('momentum', 0.9)
    const running = (index: number, batch: Value) =>
      g.add(g.scale(call.input(index), kept), g.scale(g.reshape(batch, call.input(index).shape), 1 - kept))
    return [
      g.add(g.mul(value, perChannel(g, scale, rank)), perChannel(g, bias, rank)),
      running(3, mean),
      running(4, variance),
    ]
  },
}
