import type { Tensor as OrtTensor, TensorConstructor } from 'onnxruntime-node'
import { AividaError, userError } from '../../base/errors.ts'
import { elementCount } from '../../data/tensor/check.ts'
import { decodeStrings, encodeStrings } from '../../data/tensor/strings.ts'
import { DTYPES, type DType, type Tensor } from '../../data/tensor/tensor.ts'

/** The array type in which onnxruntime's JavaScript side takes and gives each element type; `string` is an array of strings. */
const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const

/** Whether onnxruntime can take and give this element type at a graph's border. */
export function isOrtType(dtype: DType): boolean {
  return dtype === 'string' || dtype in ARRAYS
}

/**
 * Start of a buffer at which onnxruntime's vector loops need no ragged first step. Elsewhere a sum is added up in
 * another order, and its last bits differ (measured: ReduceSum, ReduceMean, at 4 and 8 bytes past it).
 */
const ALIGNMENT = 16

/** A tensor for onnxruntime: a view of the same bytes, or of an aligned copy where they don't start at 16 bytes. */
export function toOrt(name: string, tensor: Tensor, Constructor: TensorConstructor): OrtTensor {
  const { dtype, shape, data } = tensor
  if (dtype === 'string') return new Constructor('string', textOf(name, tensor), shape)
  if (!isOrtType(dtype)) throw unsupported(name, dtype)
  const Elements = ARRAYS[dtype as keyof typeof ARRAYS]
  const aligned = data.byteOffset % ALIGNMENT === 0 ? data : new Uint8Array(data)
  const elements = new Elements(aligned.buffer as ArrayBuffer, aligned.byteOffset, elementCount(shape))
  const value = new Constructor(dtype as 'float32', elements as Float32Array, shape)
  // Where Float16Array exists the class wraps the words in one, which the native side of 1.30 takes for an empty array.
  if (dtype === 'float16') Object.defineProperty(value, 'data', { value: elements })
  return value
}

/** A tensor from onnxruntime, without a copy unless it holds strings. */
export function fromOrt(value: OrtTensor): Tensor {
  const { data, dims: shape, type } = value
  if (Array.isArray(data)) return { dtype: 'string', shape, data: encodeStrings(data as string[]) }
  if (!(type in DTYPES)) throw unsupported('output', type)
  const { buffer, byteOffset, byteLength } = data as Float32Array
  return { dtype: type as DType, shape, data: new Uint8Array(buffer, byteOffset, byteLength) }
}

function textOf(name: string, tensor: Tensor): string[] {
  const strings = decodeStrings(tensor.data, elementCount(tensor.shape), `tensor "${name}"`)
  const cut = strings.findIndex((text) => text.includes('\0'))
  if (cut >= 0)
    throw userError(
      'tensor.content',
      `tensor "${name}": string ${cut} holds a NUL character, where the engine would end it`,
    )
  return strings
}

function unsupported(name: string, dtype: string): AividaError {
  return new AividaError({
    code: 'engine.dtype-unsupported',
    category: 'user',
    message: `onnxruntime does not take ${dtype} at a graph's border ("${name}"); cast it inside the graph`,
  })
}
