import type * as Core from '@tensorflow/tfjs-core'
import type { Table } from 'apache-arrow'
import { userError } from '../../runtime/base/errors.ts'
import { stringsOf, type Tensor, type TensorArray, typedArrayOf } from '../../runtime/data/tensor/index.ts'
import { tensorsOfTable } from './arrow-tensors.ts'
import type { Tf } from './packages.ts'

/**
 * Columns of an Arrow table as tensors of TensorFlow.js, by their names. It has fewer element types: integers become `int32`,
 * floats `float32`. The only column beside `row` is `output` too, since a model's output is often called as a layer that nobody
 * named; it is not listed twice. Throws `input.column`, `input.value` for an integer beyond 32 bits, and what {@link tensorsOfTable}
 * throws.
 */
export function toTfTensors(tf: Tf, table: Table, columns?: readonly string[]): Record<string, Core.Tensor> {
  const tensors = Object.fromEntries(
    Object.entries(tensorsOfTable(table, columns)).map(([name, tensor]) => [name, tfTensor(tf, name, tensor)]),
  )
  if ('output' in tensors) return tensors
  return Object.defineProperty(tensors, 'output', { get: () => onlyOutput(tensors), configurable: true })
}

function onlyOutput(tensors: Readonly<Record<string, Core.Tensor>>): Core.Tensor {
  const names = Object.keys(tensors).filter((name) => name !== 'row')
  if (names.length === 1) return tensors[names[0]!]!
  const found = names.join(', ') || 'none'
  throw userError('input.column', `expected one column to be the output, found ${found}; take them by their names`)
}

function tfTensor(tf: Tf, name: string, tensor: Tensor): Core.Tensor {
  const { dtype } = tensor
  const shape = [...tensor.shape]
  if (dtype === 'string') return tf.tensor(stringsOf(tensor), shape, 'string')
  if (dtype === 'bool') return tf.tensor(Uint8Array.from(tensor.data), shape, 'bool')
  const values = typedArrayOf(tensor)
  if (dtype === 'bfloat16') return tf.tensor(Float32Array.from(values as Uint16Array, widened), shape, 'float32')
  if (dtype.startsWith('float')) return tf.tensor(Float32Array.from(values as Float32Array), shape, 'float32')
  return tf.tensor(narrowed(name, values), shape, 'int32')
}

function narrowed(name: string, values: TensorArray): Int32Array {
  const into = new Int32Array(values.length)
  for (let i = 0; i < values.length; i++) {
    into[i] = Number(values[i])
    if (BigInt(into[i]!) !== BigInt(values[i]!))
      throw userError('input.value', `${name}: ${values[i]} at place ${i} does not fit into the int32 of TensorFlow.js`)
  }
  return into
}

const bits = new Uint32Array(1)
const float = new Float32Array(bits.buffer)

/** A bfloat16 word is the upper half of a float32. */
function widened(word: number): number {
  bits[0] = word << 16
  return float[0]!
}
