import type { DType } from '../../../data/tensor/tensor.ts'
import type { OperatorCall } from '../build/operator.ts'
import { broadcastShapes, shown } from '../build/shapes.ts'
import type { TensorType } from '../build/value.ts'

/** The first input's type: operators that work element by element. */
export function likeInput(call: OperatorCall): TensorType[] {
  const { dtype, shape } = call.input(0)
  return [{ dtype, shape }]
}

/** As {@link likeInput}, of floating-point numbers only. Throws `graph.dtype`. */
export function likeFloatInput(call: OperatorCall): TensorType[] {
  expectFloat(call, 0)
  return likeInput(call)
}

/** Inputs of one dtype, broadcast. Throws `graph.dtype`, `graph.shape` with both shapes. */
export function broadcastInputs(call: OperatorCall, result?: DType): TensorType[] {
  let { dtype, shape } = call.input(0)
  for (let i = 1; i < call.inputs.length; i++) {
    const next = call.input(i)
    if (next.dtype !== dtype)
      throw call.refuse('dtype', `expected inputs of one dtype, found ${dtype} and ${next.dtype}; cast one`)
    const joined = broadcastShapes(shape, next.shape)
    if (!joined)
      throw call.refuse('shape', `expected shapes that broadcast, found ${shown(shape)} and ${shown(next.shape)}`)
    shape = joined
  }
  return [{ dtype: result ?? dtype, shape }]
}

/** Throws `graph.dtype` unless input `index` holds floating-point numbers. */
export function expectFloat(call: OperatorCall, index: number): void {
  const { dtype } = call.input(index)
  if (dtype !== 'float32' && dtype !== 'float64' && dtype !== 'float16')
    throw call.refuse('dtype', `expected floating-point numbers as input ${index}, found ${dtype}; cast them`)
}

/** Throws `graph.shape` unless input `index` has this rank. */
export function expectRank(call: OperatorCall, index: number, rank: number, what: string): void {
  const { shape } = call.input(index)
  if (shape.length !== rank)
    throw call.refuse('shape', `expected ${what} (rank ${rank}) as input ${index}, found shape ${shown(shape)}`)
}
