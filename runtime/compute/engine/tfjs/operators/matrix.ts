import type * as Tf from '@tensorflow/tfjs'
import type { Call } from '../call.ts'
import type { Value } from '../value.ts'
import type { Rows } from './row.ts'
import { broadcast } from './shapes.ts'

/** Matrix products. */
export const MATRIX: Rows = {
  MatMul: { run: matMul },
  Gemm: { run: gemm },
  Einsum: {
    run: (call) => {
      const tensors = call.inputs.map((_, i) => call.x(i))
      return call.like(call.tf.einsum(call.text('equation', ''), ...tensors))
    },
  },
}

/** A vector counts as a row on the left and as a column on the right, which the result has no axis for. */
function matMul(call: Call): Value {
  const { tf } = call
  const [a, b] = [call.x(0), call.x(1)]
  const [left, right] = [a.rank === 1 ? tf.expandDims(a, 0) : a, b.rank === 1 ? tf.expandDims(b, 1) : b]
  if (left.shape.at(-1) !== right.shape.at(-2)) throw call.fail(`shapes [${a.shape}] and [${b.shape}] do not multiply`)
  if (right.rank === 2 && left.rank > 2) {
    const rows = tf.reshape(left, [-1, left.shape.at(-1)!])
    const flat = tf.matMul(rows, right)
    return call.like(tf.reshape(flat, [...a.shape.slice(0, -1), ...(b.rank === 1 ? [] : [right.shape[1]!])]))
  }
  // Where both sides would be stretched, TensorFlow.js mixes up the matrices.
  const batch = broadcast(call, left.shape.slice(0, -2), right.shape.slice(0, -2))
  const stretched = (x: Tf.Tensor) =>
    x.rank === batch.length + 2 && batch.every((dim, axis) => dim === x.shape[axis])
      ? x
      : tf.broadcastTo(x, [...batch, ...x.shape.slice(-2)])
  const product = tf.matMul(stretched(left), stretched(right))
  const shape = product.shape.filter(
    (_, axis) => !(a.rank === 1 && axis === product.rank - 2) && !(b.rank === 1 && axis === product.rank - 1),
  )
  return call.like(tf.reshape(product, shape))
}

function gemm(call: Call): Value {
  const { tf } = call
  const scaled = (x: Tf.Tensor, factor: number) => (factor === 1 ? x : tf.mul(x, factor))
  const transposed = (name: string) => call.int(name, 0) === 1
  const product = scaled(
    tf.matMul(call.x(0), call.x(1), transposed('transA'), transposed('transB')),
    call.float('alpha', 1),
  )
  const c = call.maybe(2)
  return call.like(c ? tf.add(product, scaled(c, call.float('beta', 1))) : product)
}
