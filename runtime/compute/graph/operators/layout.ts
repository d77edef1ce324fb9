import { elementCount } from '../../../data/tensor/check.ts'
import { tensorOf } from '../../../data/tensor/typed-array.ts'
import type { GradientContext, Operator, OperatorCall } from '../build/operator.ts'
import { broadcastShapes, inversePermutation, shown } from '../build/shapes.ts'

import { dtypeOf } from '../onnx/onnx-codes.ts'
import { likeInput } from './inference.ts'
import { SLICING } from './slicing.ts'

const free = () => 0

/** The gradient of an operator that only gives its input another shape. */
const reshapeBack = ({ g, d, inputs }: GradientContext) => [g.reshape(d, inputs[0]!.shape)]

/** What is known of the elements stays known under another shape. */
const foldReshaped = (infer: Operator['infer']) => (call: OperatorCall) => {
  const { constant } = call.input(0)
  return constant && { ...constant, shape: infer(call)[0]!.shape }
}

function reshaping(shapeOf: (call: OperatorCall) => number[]): Operator {
  const infer = (call: OperatorCall) => [{ dtype: call.input(0).dtype, shape: shapeOf(call) }]
  return { infer, fold: foldReshaped(infer), gradient: reshapeBack, operations: free }
}

/** Operators that move elements and compute nothing. */
export const LAYOUT: Readonly<Record<string, Operator>> = {
  ...SLICING,
  Identity: { infer: likeInput, gradient: ({ d }) => [d], operations: free },
  Cast: {
    infer: (call) => {
      const code = call.int('to', 0)
      const dtype = dtypeOf(code)
      if (!dtype) throw call.refuse('dtype', `expected an element type that engines here take, found number ${code}`)
      return [{ dtype, shape: call.input(0).shape }]
    },
    gradient: ({ g, d, inputs }) => [inputs[0]!.dtype.startsWith('float') ? g.cast(d, inputs[0]!.dtype) : undefined],
  },
  Reshape: reshaping(reshapedShape),
  Flatten: reshaping((call) => {
    const { shape } = call.input(0)
    const at = call.int('axis', 1)
    const axis = at === shape.length ? at : call.axis(at, shape.length)
    return [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis))]
  }),
  Squeeze: reshaping((call) => {
    const { shape } = call.input(0)
    const named = call.known(1, 'the axes', [])
    const axes = named.map((axis) => call.axis(axis, shape.length))
    for (const axis of axes)
      if (shape[axis] !== 1) throw call.refuse('shape', `expected axis ${axis} to have size 1, found ${shown(shape)}`)
    return shape.filter((dim, axis) => (axes.length > 0 ? !axes.includes(axis) : dim !== 1))
  }),
  Unsqueeze: reshaping((call) => {
    const { shape } = call.input(0)
    const named = call.known(1, 'the axes')
    const rank = shape.length + named.length
    const axes = new Set(named.map((axis) => call.axis(axis, rank)))
    const rest = shape.values()
    return Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : rest.next().value!))
  }),
  Transpose: {
    infer: (call) => {
      const { dtype, shape } = call.input(0)
      const perm = permutationOf(call)
      if (
        perm.length !== shape.length ||
        new Set(perm).size !== shape.length ||
        perm.some((axis) => shape[axis] === undefined)
      )
        throw call.refuse(
          'shape',
          `expected an order of the ${shape.length} axes of ${shown(shape)}, found ${shown(perm)}`,
        )
      return [{ dtype, shape: perm.map((axis) => shape[axis]!) }]
    },
    operations: free,
    gradient: ({ g, d, call }) => [g.transpose(d, inversePermutation(permutationOf(call)))],
  },
  Expand: {
    infer: (call) => {
      const { dtype, shape } = call.input(0)
      const target = call.known(1, 'the shape')
      const expanded = broadcastShapes(shape, target)
      if (!expanded)
        throw call.refuse('shape', `expected a shape that broadcasts to ${shown(target)}, found ${shown(shape)}`)
      return [{ dtype, shape: expanded }]
    },
    operations: free,
    gradient: ({ g, d, inputs }) => [g.unbroadcast(d, inputs[0]!.shape)],
  },
  Tile: {
    infer: (call) => {
      const { dtype, shape } = call.input(0)
      return [{ dtype, shape: shape.map((dim, axis) => dim * repeatsOf(call)[axis]!) }]
    },
    operations: free,
    gradient: ({ g, d, call, inputs }) => {
      const { shape } = inputs[0]!
      const apart = shape.flatMap((dim, axis) => [repeatsOf(call)[axis]!, dim])
      const sum = g.sum(
        g.reshape(d, apart),
        shape.map((_, axis) => 2 * axis),
      )
      return [g.reshape(sum, shape)]
    },
  },
  Shape: {
    infer: (call) => [{ dtype: 'int64', shape: [shapeSlice(call).length] }],
    fold: (call) => tensorOf(BigInt64Array.from(shapeSlice(call), BigInt)),
    operations: free,
  },
  ConstantOfShape: {
    infer: (call) => [{ dtype: filler(call).dtype, shape: call.known(0, 'the shape') }],
    fold: (call) => {
      const shape = call.known(0, 'the shape')
      const { dtype, data } = filler(call)
      const count = elementCount(shape)
      return { dtype, shape, data: Uint8Array.from({ length: count * data.length }, (_, i) => data[i % data.length]!) }
    },
    operations: free,
  },
}

function repeatsOf(call: OperatorCall): number[] {
  const { shape } = call.input(0)
  const repeats = call.known(1, 'the repeats')
  if (repeats.length !== shape.length)
    throw call.refuse('shape', `expected a repeat for each axis of ${shown(shape)}, found ${shown(repeats)}`)
  return repeats
}

/** Axis order of a Transpose; reversed by default. */
function permutationOf(call: OperatorCall): number[] {
  return call.ints(
    'perm',
    call
      .input(0)
      .shape.map((_, axis) => axis)
      .reverse(),
  )
}

function reshapedShape(call: OperatorCall): number[] {
  const { shape } = call.input(0)
  const asked = call.known(1, 'the shape')
  const copied = asked.map((dim, axis) => (dim === 0 && call.int('allowzero', 0) === 0 ? (shape[axis] ?? 0) : dim))
  const known = elementCount(copied.filter((dim) => dim !== -1))
  const target = copied.map((dim) => (dim === -1 ? elementCount(shape) / known : dim))
  if (elementCount(target) !== elementCount(shape) || target.some((dim) => !Number.isInteger(dim)))
    throw call.refuse('shape', `expected a shape of as many elements as ${shown(shape)}, found ${shown(asked)}`)
  return target
}

function shapeSlice(call: OperatorCall): number[] {
  const { shape } = call.input(0)
  return shape.slice(call.int('start', 0), call.attributes.end === undefined ? undefined : call.int('end', 0))
}

function filler(call: OperatorCall) {
  const { value } = call.attributes
  if (value === undefined) return tensorOf(Float32Array.of(0))
  if (typeof value !== 'object' || !('tensor' in value)) throw call.refuse('attribute', 'expected a tensor for value')
  return value.tensor
}
