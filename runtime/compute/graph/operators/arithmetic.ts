import { elementCount } from '../../../data/tensor/check.ts'
import type { Tensor } from '../../../data/tensor/tensor.ts'
import { tensorOf, typedArrayOf } from '../../../data/tensor/typed-array.ts'
import type { GradientContext, Operator, OperatorCall } from '../build/operator.ts'
import { broadcastShapes } from '../build/shapes.ts'
import type { Value } from '../build/value.ts'
import { broadcastInputs, likeFloatInput, likeInput } from './inference.ts'

type BinaryRule = (context: GradientContext & { a: Value; b: Value; y: Value }) => readonly (() => Value)[]

/** Gradients of two operands that broadcast: each is summed over what was repeated. */
function binary(rule: BinaryRule) {
  return (context: GradientContext): (Value | undefined)[] => {
    const { g, inputs, needs } = context
    const [a, b] = inputs as [Value, Value]
    return rule({ ...context, a, b, y: context.outputs[0]! }).map((gradient, i) =>
      needs(i) ? g.unbroadcast(gradient(), (i === 0 ? a : b).shape) : undefined,
    )
  }
}

/** Shapes are computed with integers: what is known of them is known of the result. */
function foldIntegers(compute: (a: bigint, b: bigint) => bigint) {
  return (call: OperatorCall): Tensor | undefined => {
    const [a, b] = [call.input(0), call.input(1)]
    if (a.dtype !== 'int64' || !a.constant || !b.constant) return undefined
    const shape = broadcastShapes(a.shape, b.shape)!
    const [x, y] = [typedArrayOf(a.constant), typedArrayOf(b.constant)] as [BigInt64Array, BigInt64Array]
    const count = elementCount(shape)
    if (count > 64 || (x.length !== count && x.length !== 1) || (y.length !== count && y.length !== 1)) return undefined
    const at = (array: BigInt64Array, i: number) => array[array.length === 1 ? 0 : i]!
    return tensorOf(
      BigInt64Array.from({ length: count }, (_, i) => compute(at(x, i), at(y, i))),
      shape,
    )
  }
}

/** Arithmetic on elements, with broadcasting. */
export const ARITHMETIC: Readonly<Record<string, Operator>> = {
  Add: {
    infer: (call) => broadcastInputs(call),
    fold: foldIntegers((a, b) => a + b),
    gradient: binary(({ d }) => [() => d, () => d]),
  },
  Sub: {
    infer: (call) => broadcastInputs(call),
    fold: foldIntegers((a, b) => a - b),
    gradient: binary(({ g, d }) => [() => d, () => g.neg(d)]),
  },
  Mul: {
    infer: (call) => broadcastInputs(call),
    fold: foldIntegers((a, b) => a * b),
    gradient: binary(({ g, d, a, b }) => [() => g.mul(d, b), () => g.mul(d, a)]),
  },
  Div: {
    infer: (call) => broadcastInputs(call),
    fold: foldIntegers((a, b) => (b === 0n ? 0n : a / b)),
    gradient: binary(({ g, d, b, y }) => [() => g.div(d, b), () => g.neg(g.div(g.mul(d, y), b))]),
  },
  Pow: {
    infer: (call) => [{ ...broadcastInputs(call)[0]!, dtype: call.input(0).dtype }],
    gradient: ({ g, d, call, inputs, needs }) => {
      const [a, b] = inputs as [Value, Value]
      if (needs(1))
        throw call.refuse(
          'no-gradient',
          'expected a constant exponent, found one that is trained; write it with Exp and Log',
        )
      return [needs(0) ? g.unbroadcast(g.mul(d, g.mul(b, g.apply('Pow', [a, g.shift(b, -1)]))), a.shape) : undefined]
    },
  },
  Neg: { infer: likeInput, gradient: ({ g, d }) => [g.neg(d)] },
  Abs: { infer: likeInput, gradient: ({ g, d, inputs }) => [g.mul(d, g.apply('Sign', [inputs[0]]))] },
  Sqrt: { infer: likeFloatInput, gradient: ({ g, d, outputs }) => [g.div(g.scale(d, 0.5), outputs[0]!)] },
  Reciprocal: {
    infer: likeFloatInput,
    gradient: ({ g, d, outputs: [y] }) => [g.neg(g.mul(d, g.mul(y!, y!)))],
  },
  Exp: { infer: likeFloatInput, gradient: ({ g, d, outputs }) => [g.mul(d, outputs[0]!)] },
  Log: { infer: likeFloatInput, gradient: ({ g, d, inputs }) => [g.div(d, inputs[0]!)] },
  Erf: {
    infer: likeFloatInput,
    gradient: ({ g, d, inputs: [x] }) => {
      const bell = g.apply('Exp', [g.neg(g.mul(x!, x!))])
      return [g.mul(d, g.scale(bell, 2 / Math.sqrt(Math.PI)))]
    },
  },
  Min: extremum('LessOrEqual'),
  Max: extremum('GreaterOrEqual'),
  /** Towards the bounds the gradient ends: it passes where the input lay strictly between them or on one. */
  Clip: {
    infer: likeInput,
    gradient: ({ g, d, inputs: [x, low, high] }) => {
      const inside = [
        ...(low ? [g.apply('GreaterOrEqual', [x, low])] : []),
        ...(high ? [g.apply('LessOrEqual', [x, high])] : []),
      ].map((test) => g.cast(test, d.dtype))
      return [inside.reduce((gradient, mask) => g.mul(gradient, mask), d)]
    },
  },
}

/** On a tie the first operand has the gradient. */
function extremum(wins: 'LessOrEqual' | 'GreaterOrEqual'): Operator {
  return {
    infer: (call) => broadcastInputs(call),
    gradient: (context) => {
      if (context.inputs.length !== 2)
        throw context.call.refuse('no-gradient', `expected two operands, found ${context.inputs.length}; nest them`)
      return binary(({ g, d, a, b }) => {
        const first = g.cast(g.apply(wins, [a, b]), d.dtype)
        return [() => g.mul(d, first), () => g.mul(d, g.sub(g.scalar(1, d.dtype), first))]
      })(context)
    },
  }
}
