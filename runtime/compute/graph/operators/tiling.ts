import { tensorOf } from '../../../data/tensor/typed-array.ts'
import type { GraphBuilder } from '../build/graph-builder.ts'
import type { Value } from '../build/value.ts'
import type { Window } from './window.ts'

/** Whether windows lie side by side, without padding, gaps or a rest. */
export function isTiling({ kernel, strides, dilations, before, after, input, output }: Window): boolean {
  return kernel.every(
    (size, i) =>
      strides[i] === size &&
      (dilations[i] === 1 || size === 1) &&
      before[i] === 0 &&
      after[i] === 0 &&
      output[i]! * size === input[i],
  )
}

/** Every element of `[batch, channels, ...output]` as often as its window has elements: `[batch, channels, ...input]`. */
export function repeated(g: GraphBuilder, value: Value, { kernel }: Window): Value {
  const times = g.constant(tensorOf(Float32Array.of(1, 1, ...kernel)))
  return g.apply('Resize', [value, undefined, times], {
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  })
}
