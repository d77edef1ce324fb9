import type * as Tf from '@tensorflow/tfjs'
import { userError } from '../../../base/errors.ts'
import { DTYPES, type DType, type Tensor } from '../../../data/tensor/tensor.ts'
import { type TensorArray, typedArrayOf } from '../../../data/tensor/typed-array.ts'
import type { Tf as TfModule } from './library.ts'

/** A value of a graph while it runs: TensorFlow.js knows fewer element types than ONNX, so the ONNX one stays beside. */
export interface Value {
  readonly dtype: DType
  readonly tensor: Tf.Tensor
  /** The elements, where they are known outside of the backend: shapes and axes are read without waiting for a GPU. */
  readonly numbers?: readonly number[]
}

/** In which of its element types TensorFlow.js holds one of ONNX; those that it would round or wrap are absent. */
const CARRIERS = {
  float32: 'float32',
  int8: 'int32',
  uint8: 'int32',
  int16: 'int32',
  uint16: 'int32',
  int32: 'int32',
  /** Indices, labels and shapes; one beyond 32 bits is refused. */
  int64: 'int32',
  bool: 'bool',
} as const satisfies Partial<Record<DType, Tf.DataType>>

/** What carries this element type; `undefined` for those that TensorFlow.js has no room for. */
export function carrierOf(dtype: DType): 'float32' | 'int32' | 'bool' | undefined {
  return dtype in CARRIERS ? CARRIERS[dtype as keyof typeof CARRIERS] : undefined
}

/** Elements up to which integers are kept as {@link Value.numbers}: more are no shape. */
const NUMBERS_KEPT = 64

/**
 * A value for TensorFlow.js. Throws `tensor.content` for an integer beyond 32 bits; exporters write the largest there is
 * for "to the end", so of a constant those beyond 62 bits become the largest here.
 */
export function toValue(tf: TfModule, name: string, tensor: Tensor, { constant = false } = {}): Value {
  const { dtype, shape } = tensor
  const elements = typedArrayOf(tensor)
  const carrier = carrierOf(dtype)!
  const held = holdable(name, carrier, elements, constant)
  const value = { dtype, tensor: tf.tensor(held, [...shape], carrier) }
  if (carrier !== 'int32' || elements.length > NUMBERS_KEPT) return value
  return { ...value, numbers: Array.from(held) }
}

function holdable(name: string, carrier: string, elements: TensorArray, constant: boolean) {
  if (carrier === 'float32') return Float32Array.from(elements as Float32Array) // the caller may change its own
  if (carrier === 'bool') return Uint8Array.from(elements as Uint8Array)
  const held = new Int32Array(elements.length)
  for (const [i, element] of elements.entries()) {
    held[i] = Number(element)
    if (BigInt(held[i]!) === BigInt(element)) continue
    const endless = constant && (element > 2n ** 62n || element < -(2n ** 62n))
    if (!endless) throw tooWide(name, element)
    held[i] = element > 0 ? 2 ** 31 - 1 : -(2 ** 31)
  }
  return held
}

/** The tensor that a value is, in memory of its own. */
export async function fromValue({ dtype, tensor }: Value): Promise<Tensor> {
  const elements = await tensor.data()
  const data = new Uint8Array(tensor.size * DTYPES[dtype])
  const view = typedArrayOf({ dtype, shape: tensor.shape, data })
  if (view instanceof BigInt64Array) for (const [i, element] of elements.entries()) view[i] = BigInt(element)
  else (view as Float32Array).set(elements as Float32Array)
  return { dtype, shape: [...tensor.shape], data }
}

function tooWide(name: string, element: unknown) {
  return userError(
    'tensor.content',
    `"${name}" holds ${element}; TensorFlow.js has integers of 32 bits: use onnxruntime, or smaller numbers`,
  )
}
