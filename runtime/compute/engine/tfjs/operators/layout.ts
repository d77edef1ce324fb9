import type * as Tf from '@tensorflow/tfjs'
import type { DType } from '../../../../data/tensor/tensor.ts'
import { dtypeOf } from '../../../graph/onnx/onnx-codes.ts'
import type { Call } from '../call.ts'
import { constantOf } from '../constant.ts'
import { carrierOf, type Value } from '../value.ts'
import type { Rows } from './row.ts'
import { broadcast, product } from './shapes.ts'

/** The same elements in another shape, order or type; and elements out of nothing. */
export const LAYOUT: Rows = {
  Identity: { run: (call) => call.like(call.tf.clone(call.x(0))) },
  Dropout: { run: dropout },
  Cast: { run: cast },
  Reshape: { run: (call) => call.like(call.tf.reshape(call.x(0), reshaped(call))) },
  Flatten: {
    run: (call) => {
      const { shape } = call.x(0)
      const axis = call.int('axis', 1)
      const split = axis < 0 ? axis + shape.length : axis
      return call.like(call.tf.reshape(call.x(0), [product(shape.slice(0, split)), product(shape.slice(split))]))
    },
  },
  Squeeze: {
    run: (call) => {
      const { shape } = call.x(0)
      const axes = (call.maybeNumbers(1) ?? call.ints('axes'))?.map((axis) => call.axis(axis, shape.length))
      const kept = shape.filter((dim, axis) => (axes ? !axes.includes(axis) : dim !== 1))
      return call.like(call.tf.reshape(call.x(0), kept))
    },
  },
  Unsqueeze: {
    run: (call) => {
      const given = call.maybeNumbers(1) ?? call.ints('axes') ?? []
      const shape = [...call.x(0).shape]
      const axes = given.map((axis) => call.axis(axis, shape.length + given.length))
      for (const axis of axes.sort((a, b) => a - b)) shape.splice(axis, 0, 1)
      return call.like(call.tf.reshape(call.x(0), shape))
    },
  },
  Transpose: { run: (call) => call.like(call.tf.transpose(call.x(0), call.ints('perm') && [...call.ints('perm')!])) },
  Expand: {
    run: (call) => {
      const shape = broadcast(call, call.x(0).shape, call.numbers(1))
      return call.like(expand(call, call.x(0), shape))
    },
  },
  Tile: { run: (call) => call.like(call.tf.tile(call.x(0), [...call.numbers(1)])) },
  Shape: {
    run: (call) => {
      const { shape } = call.x(0)
      return integers(call, shape.slice(call.int('start', 0), call.int('end', shape.length)))
    },
  },
  Size: { run: (call) => ({ ...integers(call, [call.x(0).size]), tensor: call.tf.scalar(call.x(0).size, 'int32') }) },
  Constant: { run: constant },
  ConstantOfShape: {
    run: (call) => {
      const given = call.tensorAttribute('value')
      const value: Value = given
        ? constantOf(call.tf, given, call.node)
        : { dtype: 'float32', tensor: call.tf.scalar(0) }
      return { dtype: value.dtype, tensor: expand(call, call.tf.reshape(value.tensor, []), [...call.numbers(0)]) }
    },
  },
  Range: {
    run: (call) => {
      const [start, limit, delta] = [0, 1, 2].map((i) => call.numbers(i)[0]!) as [number, number, number]
      const count = Math.max(0, Math.ceil((limit - start) / delta))
      const { dtype } = call.value(0)
      const elements = Float32Array.from({ length: count }, (_, i) => start + i * delta)
      return { dtype, tensor: call.tf.tensor(elements, [count], carrierOf(dtype)) }
    },
  },
}

function dropout(call: Call): readonly Value[] {
  if (call.inputs[2] && call.numbers(2)[0] !== 0) throw call.refuse('dropout that draws its own mask')
  return [call.like(call.tf.clone(call.x(0)))]
}

/** Bits of the small integers, which wrap around. */
const SMALL: Partial<Record<DType, readonly [bits: number, signed: boolean]>> = {
  int8: [8, true],
  uint8: [8, false],
  int16: [16, true],
  uint16: [16, false],
}

function cast(call: Call): Value {
  const { tf } = call
  const dtype = dtypeOf(call.int('to', 0))
  const carrier = dtype && carrierOf(dtype)
  if (!carrier) throw call.refuse(`a cast to ${dtype ?? `type ${call.int('to', 0)}`}`)
  const { tensor, numbers } = call.value(0)
  if (carrier === 'bool' && tensor.dtype !== 'bool')
    return { dtype, tensor: tf.notEqual(tensor, tf.scalar(0, tensor.dtype as 'float32')) }
  const small = SMALL[dtype]
  if (!small) return { dtype, tensor: tf.cast(tensor, carrier), ...(numbers && carrier === 'int32' && { numbers }) }
  const [bits, signed] = small
  const [offset, count] = [tf.scalar(signed ? 2 ** (bits - 1) : 0, 'int32'), tf.scalar(2 ** bits, 'int32')]
  return { dtype, tensor: tf.sub(tf.mod(tf.add(tf.cast(tensor, 'int32'), offset), count), offset) }
}

function reshaped(call: Call): number[] {
  const { shape, size } = call.x(0)
  const copies = call.int('allowzero', 0) === 0
  const wanted = call.numbers(1).map((dim, axis) => (dim === 0 && copies ? shape[axis]! : dim))
  const known = product(wanted.filter((dim) => dim !== -1))
  return wanted.map((dim) => (dim === -1 ? (known === 0 ? 0 : size / known) : dim))
}

function constant(call: Call): Value {
  const { tf } = call
  const tensor = call.tensorAttribute('value')
  if (tensor) return constantOf(tf, tensor, call.node)
  const [attribute] = call.node.attribute
  switch (attribute?.name) {
    case 'value_int':
      return { dtype: 'int64', tensor: tf.scalar(Number(attribute.i), 'int32'), numbers: [Number(attribute.i)] }
    case 'value_ints':
      return integers(call, attribute.ints.map(Number))
    case 'value_float':
      return { dtype: 'float32', tensor: tf.scalar(attribute.f) }
    case 'value_floats':
      return { dtype: 'float32', tensor: tf.tensor1d(attribute.floats) }
    default:
      throw call.refuse(`a constant by ${attribute?.name ?? 'nothing'}`)
  }
}

function integers(call: Call, numbers: readonly number[]): Value {
  return { dtype: 'int64', tensor: call.tf.tensor1d([...numbers], 'int32'), numbers }
}

function expand(call: Call, x: Tf.Tensor, shape: number[]): Tf.Tensor {
  if (product(shape) === 0) return call.tf.tensor([], shape, x.dtype)
  return call.tf.broadcastTo(x, shape)
}
