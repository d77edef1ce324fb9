import { tensorOf, typedArrayOf } from '../../../../data/tensor/typed-array.ts'
import type { Composite, OperatorCall } from '../../build/operator.ts'
import { shown } from '../../build/shapes.ts'
import { einsum } from './einsum.ts'

/** Operators that move elements, built of Reshape, Transpose and Expand; and constants that are known at once. */
export const COMPOSED_LAYOUT: Readonly<Record<string, Composite>> = {
  /** For inference, where it does nothing. Layers that train write the mask themselves. */
  Dropout: (_, call) => {
    const training = call.inputs[2]
    if (training && !training.constant?.data.every((byte) => byte === 0))
      throw call.refuse('attribute', 'expected a dropout for inference, found one that drops; export it for inference')
    return [call.input(0)]
  },
  Range: (g, call) => {
    const [start, limit, delta] = [one(call, 0), one(call, 1), one(call, 2)]
    if (delta === 0) throw call.refuse('attribute', 'expected a step other than 0')
    const values = Array.from({ length: Math.max(0, Math.ceil((limit - start) / delta)) }, (_, i) => start + i * delta)
    switch (call.input(0).dtype) {
      case 'int64':
        return [g.integers(values)]
      case 'int32':
        return [g.constant(tensorOf(Int32Array.from(values)))]
      case 'float64':
        return [g.constant(tensorOf(Float64Array.from(values)))]
      default:
        return [g.constant(tensorOf(Float32Array.from(values)))]
    }
  },
  DepthToSpace: (g, call) => {
    const { shape } = call.input(0)
    const [channels, height, width] = planes(call)
    const block = call.int('blocksize', 1)
    const left = channels / block ** 2
    if (!Number.isInteger(left))
      throw call.refuse('shape', `expected channels in blocks of ${block ** 2}, found shape ${shown(shape)}`)
    const columnsFirst = call.text('mode', 'DCR') === 'CRD'
    const apart = g.reshape(
      call.input(0),
      columnsFirst ? [-1, left, block, block, height, width] : [-1, block, block, left, height, width],
    )
    const ordered = g.transpose(apart, columnsFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2])
    return [g.reshape(ordered, [-1, left, height * block, width * block])]
  },
  SpaceToDepth: (g, call) => {
    const [channels, height, width] = planes(call)
    const block = call.int('blocksize', 1)
    if (height % block !== 0 || width % block !== 0)
      throw call.refuse('shape', `expected sides in blocks of ${block}, found ${shown(call.input(0).shape)}`)
    const apart = g.reshape(call.input(0), [-1, channels, height / block, block, width / block, block])
    const ordered = g.transpose(apart, [0, 3, 5, 1, 2, 4])
    return [g.reshape(ordered, [-1, channels * block ** 2, height / block, width / block])]
  },
  Einsum: einsum,
}

/** Channels, height and width; the batch is left open. */
function planes(call: OperatorCall): [number, number, number] {
  const { shape } = call.input(0)
  if (shape.length !== 4)
    throw call.refuse('shape', `expected [batch, channels, height, width], found shape ${shown(shape)}`)
  return shape.slice(1) as [number, number, number]
}

/** A number that must be known while the graph is built. */
function one(call: OperatorCall, index: number): number {
  const { constant, name } = call.input(index)
  if (!constant) throw call.refuse('dynamic', `expected a constant, found ${name}, which is computed`)
  return Number(typedArrayOf(constant)[0])
}
