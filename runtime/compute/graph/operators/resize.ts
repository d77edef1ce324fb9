import { typedArrayOf } from '../../../data/tensor/typed-array.ts'
import type { Operator, OperatorCall } from '../build/operator.ts'
import { shown } from '../build/shapes.ts'

/** Resize as far as it repeats elements; other resampling is built of others (`composed/resize.ts`). */
export const RESIZE: Readonly<Record<string, Operator>> = {
  Resize: {
    infer: (call) => [{ dtype: call.input(0).dtype, shape: scalesOf(call).map(({ size }) => size) }],
    operations: () => 0,
    gradient: ({ g, d, inputs: [x] }) => {
      const apart = g.reshape(
        d,
        x!.shape.flatMap((size, axis) => [size, d.shape[axis]! / size]),
      )
      return [
        g.sum(
          apart,
          x!.shape.map((_, axis) => 2 * axis + 1),
          false,
        ),
      ]
    },
  },
}

/** By how much each axis grows, and to what size. Inputs are data, region, scales, sizes; in opset 10 data, scales. */
export function scalesOf(call: OperatorCall): { scale: number; size: number }[] {
  const { shape } = call.input(0)
  const sizes = call.inputs[3] ? call.known(3, 'the sizes') : []
  if (sizes.length > 0 && call.attributes.axes === undefined)
    return shape.map((dim, axis) => ({ scale: sizes[axis]! / dim, size: sizes[axis]! }))
  const given = call.inputs[2] ?? call.inputs[1]
  if (!given?.constant || given.shape[0] !== shape.length)
    throw call.refuse('dynamic', `expected constant scales or sizes for every axis of ${shown(shape)}`)
  const scales = Array.from(typedArrayOf(given.constant) as ArrayLike<number>, Number)
  return shape.map((dim, axis) => ({ scale: scales[axis]!, size: Math.floor(dim * scales[axis]!) }))
}
