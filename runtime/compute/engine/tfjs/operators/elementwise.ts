import type { Call } from '../call.ts'
import type { Value } from '../value.ts'
import { binary, type Row, type Rows, unary } from './row.ts'

/** Each element by itself, and several tensors element by element. */
export const ELEMENTWISE: Rows = {
  Abs: unary((tf, x) => tf.abs(x)),
  Neg: unary((tf, x) => tf.neg(x)),
  Sign: unary((tf, x) => tf.sign(x)),
  Sqrt: unary((tf, x) => tf.sqrt(x)),
  Reciprocal: unary((tf, x) => tf.reciprocal(x)),
  Exp: unary((tf, x) => tf.exp(x)),
  Log: unary((tf, x) => tf.log(x)),
  Sin: unary((tf, x) => tf.sin(x)),
  Cos: unary((tf, x) => tf.cos(x)),
  Tan: unary((tf, x) => tf.tan(x)),
  Asin: unary((tf, x) => tf.asin(x)),
  Acos: unary((tf, x) => tf.acos(x)),
  Atan: unary((tf, x) => tf.atan(x)),
  Sinh: unary((tf, x) => tf.sinh(x)),
  Cosh: unary((tf, x) => tf.cosh(x)),
  Asinh: unary((tf, x) => tf.asinh(x)),
  Acosh: unary((tf, x) => tf.acosh(x)),
  Atanh: unary((tf, x) => tf.atanh(x)),
  Erf: unary((tf, x) => tf.erf(x)),
  Floor: unary((tf, x) => tf.floor(x)),
  Ceil: unary((tf, x) => tf.ceil(x)),
  Round: unary((tf, x) => tf.round(x)),
  Relu: unary((tf, x) => tf.relu(x)),
  LeakyRelu: unary((tf, x, call) => tf.leakyRelu(x, call.float('alpha', 0.01))),
  Elu: unary((tf, x, call) => tf.where(tf.greater(x, 0), x, tf.mul(tf.expm1(x), call.float('alpha', 1)))),
  Sigmoid: unary((tf, x) => tf.sigmoid(x)),
  HardSigmoid: unary((tf, x, call) =>
    tf.clipByValue(tf.add(tf.mul(x, call.float('alpha', 0.2)), call.float('beta', 0.5)), 0, 1),
  ),
  Tanh: unary((tf, x) => tf.tanh(x)),
  Softplus: unary((tf, x) => tf.softplus(x)),
  Gelu: unary((tf, x, call) => {
    const inner =
      call.text('approximate', 'none') === 'tanh'
        ? tf.tanh(tf.mul(tf.add(x, tf.mul(tf.pow(x, 3), 0.044715)), Math.sqrt(2 / Math.PI)))
        : tf.erf(tf.div(x, Math.SQRT2))
    return tf.mul(tf.mul(x, 0.5), tf.add(inner, 1))
  }),
  Add: binary((tf, a, b) => tf.add(a, b)),
  Sub: binary((tf, a, b) => tf.sub(a, b)),
  Mul: binary((tf, a, b) => tf.mul(a, b)),
  // Integers are divided towards zero.
  Div: binary((tf, a, b) =>
    a.dtype === 'float32' ? tf.div(a, b) : tf.mul(tf.mul(tf.sign(a), tf.sign(b)), tf.floorDiv(tf.abs(a), tf.abs(b))),
  ),
  // With the sign of the divisor, or with that of the dividend where `fmod` is set.
  Mod: binary((tf, a, b, call) => {
    const rest = tf.mod(a, b)
    if (call.int('fmod', 0) === 0) return rest
    return tf.mul(tf.sign(a), tf.mod(tf.abs(a), tf.abs(b)))
  }),
  Pow: binary((tf, a, b) => tf.cast(tf.pow(a, tf.cast(b, a.dtype)), a.dtype)),
  PRelu: binary((tf, x, slope) => tf.where(tf.less(x, 0), tf.mul(x, slope), x)),
  Min: reduced((call, a, b) => call.tf.minimum(a.tensor, b.tensor)),
  Max: reduced((call, a, b) => call.tf.maximum(a.tensor, b.tensor)),
  Sum: reduced((call, a, b) => call.tf.add(a.tensor, b.tensor)),
  Clip: {
    run: (call) => {
      call.arithmetic(0)
      const [low, high] = [call.maybe(1), call.maybe(2)]
      const above = low ? call.tf.maximum(call.x(0), low) : call.tf.clone(call.x(0))
      return call.like(high ? call.tf.minimum(above, high) : above)
    },
  },
}

/** An operator of any number of inputs, two at a time. */
function reduced(pair: (call: Call, a: Value, b: Value) => Value['tensor']): Row {
  return {
    run: (call) => {
      call.arithmetic(...call.inputs.keys())
      const values = call.inputs.map((_, i) => call.value(i))
      return values.reduce((all, next) => ({ dtype: all.dtype, tensor: pair(call, all, next) }))
    },
  }
}
