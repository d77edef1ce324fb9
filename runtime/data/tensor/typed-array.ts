import { checkTensor, elementCount } from './check.ts'
import { decodeStrings, encodeStrings } from './strings.ts'
import type { DType, Tensor } from './tensor.ts'
import { tensorError } from './tensor-error.ts'

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Float16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies Record<Exclude<DType, 'string'>, unknown>

/** The numbers of a tensor: `bool` as bytes, `bfloat16` as its 16-bit words, 64-bit integers as bigint. */
export type TensorArray =
  | Float32Array
  | Float64Array
  | Float16Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/**
 * A tensor over the memory of `values`, which are not copied (strings are encoded). `dtype` is told by the array's
 * class; give it for `bool` (of a Uint8Array), `bfloat16` and `float16` (of a Uint16Array of words).
 * Default shape: `[values.length]`. Throws `tensor.dtype`, `tensor.shape`, `tensor.size`, `tensor.content`.
 */
export function tensorOf(
  values: TensorArray | readonly string[],
  shape: readonly number[] = [values.length],
  dtype: DType = dtypeOf(values),
): Tensor {
  if (!ArrayBuffer.isView(values)) {
    if (dtype !== 'string') throw tensorError('dtype', `strings make a string tensor, not ${dtype}`)
    if (elementCount(shape) !== values.length)
      throw tensorError('size', `shape [${shape}] takes ${elementCount(shape)} strings, found ${values.length}`)
    return checked({ dtype, shape, data: encodeStrings(values) })
  }
  const words = values instanceof Uint16Array && dtype === 'float16'
  if (dtype === 'string' || !(words || values instanceof ARRAYS[dtype]))
    throw tensorError('dtype', `a ${values.constructor.name} cannot be a ${dtype} tensor`)
  return checked({ dtype, shape, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) })
}

/**
 * The elements of a tensor as numbers, over the same memory; copied only when the bytes begin where an element of this
 * size may not (a copy by constructor: `slice` of a Buffer is a view). Throws `tensor.dtype` for strings ({@link stringsOf} reads those).
 */
export function typedArrayOf(tensor: Tensor): TensorArray {
  if (tensor.dtype === 'string') throw tensorError('dtype', 'a string tensor has no typed array; use stringsOf')
  const ArrayClass = ARRAYS[tensor.dtype]
  const size = ArrayClass.BYTES_PER_ELEMENT
  const data = tensor.data.byteOffset % size === 0 ? tensor.data : new Uint8Array(tensor.data)
  return new ArrayClass(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength / size)
}

/** The elements of a `string` tensor. Throws `tensor.dtype`, `tensor.content`. */
export function stringsOf(tensor: Tensor): string[] {
  if (tensor.dtype !== 'string') throw tensorError('dtype', `expected a string tensor, found ${tensor.dtype}`)
  return decodeStrings(tensor.data, elementCount(tensor.shape))
}

function dtypeOf(values: TensorArray | readonly string[]): DType {
  if (!ArrayBuffer.isView(values)) return 'string'
  const found = Object.entries(ARRAYS).find(
    ([dtype, ArrayClass]) => dtype !== 'bfloat16' && values instanceof ArrayClass,
  )
  if (!found) throw tensorError('dtype', `a ${values.constructor.name} holds no element type of a tensor`)
  return found[0] as DType
}

function checked(tensor: Tensor): Tensor {
  checkTensor(tensor)
  return tensor
}
