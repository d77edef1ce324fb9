import { type AividaError, userError } from '../../../base/index.ts'
import { elementCount } from '../../../data/tensor/check.ts'
import { DTYPES, type DType, type Tensor } from '../../../data/tensor/tensor.ts'
import { tensorOf } from '../../../data/tensor/typed-array.ts'
import type { TensorProto } from '../onnx/onnx_pb.ts'
import { dtypeOf } from '../onnx/onnx-codes.ts'

/** Contents of the files in which a model keeps tensors, by the names it gives them. */
export type WeightFiles = Readonly<Record<string, Uint8Array>>

/** `TensorProto.DataLocation.EXTERNAL`. */
const EXTERNAL = 1

/**
 * A tensor of an ONNX file; over the file's memory where it holds raw bytes.
 * Throws `model.unsupported-type`, `model.missing-weights`, `model.invalid` for one that is not as long as its shape says.
 */
export function tensorFromProto(proto: TensorProto, weights: WeightFiles = {}): Tensor {
  const dtype = dtypeOf(proto.dataType)
  if (!dtype || dtype === 'string')
    throw userError(
      'model.unsupported-type',
      `expected ${proto.name} to hold numbers, found element type ${dtype ?? proto.dataType}; export the model without it`,
    )
  const shape = proto.dims.map(Number)
  const data = proto.dataLocation === EXTERNAL ? externalBytes(proto, weights) : inlineBytes(proto, dtype)
  const expected = elementCount(shape) * DTYPES[dtype]
  if (data.byteLength !== expected)
    throw invalid(`${proto.name}: expected ${expected} bytes for ${dtype}[${shape}], found ${data.byteLength}`)
  return { dtype, shape, data }
}

function inlineBytes(proto: TensorProto, dtype: Exclude<DType, 'string'>): Uint8Array {
  if (proto.rawData.length > 0) return proto.rawData
  switch (dtype) {
    case 'float32':
      return tensorOf(Float32Array.from(proto.floatData)).data
    case 'float64':
      return tensorOf(Float64Array.from(proto.doubleData)).data
    case 'int64':
      return tensorOf(BigInt64Array.from(proto.int64Data)).data
    case 'uint64':
      return tensorOf(BigUint64Array.from(proto.uint64Data)).data
    case 'uint32':
      return tensorOf(Uint32Array.from(proto.uint64Data, Number)).data
    case 'int32':
      return tensorOf(Int32Array.from(proto.int32Data)).data
    // What is narrower is kept in 32-bit fields, floats by their bits (onnx.proto, TensorProto.int32_data).
    case 'int16':
    case 'uint16':
    case 'float16':
    case 'bfloat16':
      return tensorOf(Uint16Array.from(proto.int32Data)).data
    case 'int8':
    case 'uint8':
    case 'bool':
      return Uint8Array.from(proto.int32Data)
  }
}

function externalBytes(proto: TensorProto, weights: WeightFiles): Uint8Array {
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]))
  const location = entries.get('location') ?? ''
  const file = weights[location]
  if (!file)
    throw userError(
      'model.missing-weights',
      `expected the file ${location}, in which the model keeps ${proto.name}; give it with the model`,
    )
  const offset = Number(entries.get('offset') ?? 0)
  const length = Number(entries.get('length') ?? file.byteLength - offset)
  if (!(offset >= 0 && length >= 0 && offset + length <= file.byteLength))
    throw invalid(`${proto.name}: bytes ${offset} to ${offset + length} of ${location}, which has ${file.byteLength}`)
  return file.subarray(offset, offset + length)
}

function invalid(message: string): AividaError {
  return userError('model.invalid', `${message}; export the model again`)
}
