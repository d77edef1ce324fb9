import { type DType, elementCount, type Tensor } from '../tensor/index.ts'
import { DTYPES } from '../tensor/tensor.ts'
import { malformed } from './refusals.ts'

/** Element types by the third byte of an IDX file. */
const TYPES: Readonly<Record<number, DType>> = {
  8: 'uint8',
  9: 'int8',
  11: 'int16',
  12: 'int32',
  13: 'float32',
  14: 'float64',
}

/**
 * The tensor of an IDX file, the format of MNIST: `0 0 | type | rank | u32 of each dimension | elements`, big-endian
 * (http://yann.lecun.com/exdb/mnist/). Bytes are a view, larger elements are turned round. `name` is how messages call
 * it. Throws `source.malformed`.
 */
export function readIdx(bytes: Uint8Array, name: string): Tensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const dtype = bytes.byteLength >= PREFIX_BYTES && view.getUint16(0) === 0 ? TYPES[view.getUint8(2)] : undefined
  if (!dtype) throw malformed(name, 'expected an IDX file, found other bytes at its beginning')
  const rank = view.getUint8(3)
  const at = PREFIX_BYTES + 4 * rank
  if (bytes.byteLength < at) throw malformed(name, `it is cut off inside its ${rank} dimensions`)
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(PREFIX_BYTES + 4 * i))
  const expected = at + elementCount(shape) * DTYPES[dtype]
  if (bytes.byteLength !== expected)
    throw malformed(name, `${dtype}[${shape}] takes ${expected} bytes, found ${bytes.byteLength}`)
  return { dtype, shape, data: littleEndian(bytes.subarray(at), DTYPES[dtype]) }
}

const PREFIX_BYTES = 4

function littleEndian(bytes: Uint8Array, size: number): Uint8Array {
  if (size === 1) return bytes
  const copy = Buffer.from(bytes)
  return size === 2 ? copy.swap16() : size === 4 ? copy.swap32() : copy.swap64()
}
