import { userError } from '../../../base/errors.ts'
import { checkTensor } from '../../../data/tensor/check.ts'
import type { Tensor } from '../../../data/tensor/tensor.ts'
import { type TensorArray, tensorOf } from '../../../data/tensor/typed-array.ts'
import type { NodeProto, TensorProto } from '../../graph/onnx/onnx_pb.ts'
import { dtypeOf } from '../../graph/onnx/onnx-codes.ts'
import { unsupported } from './call.ts'
import type { Tf } from './library.ts'
import { carrierOf, toValue, type Value } from './value.ts'

/** A tensor that a node holds as an attribute. */
export function constantOf(tf: Tf, proto: TensorProto, node: NodeProto): Value {
  const tensor = tensorOfProto(proto, new Map())
  if (!carrierOf(tensor.dtype)) throw unsupported(node, `a constant of ${tensor.dtype}`)
  return toValue(tf, node.output[0]!, tensor, { constant: true })
}

/** A tensor as an ONNX file holds it; `weights` are its external data by name. Throws `model.invalid`. */
export function tensorOfProto(proto: TensorProto, weights: ReadonlyMap<string, Uint8Array>): Tensor {
  const dtype = dtypeOf(proto.dataType)
  if (!dtype)
    throw userError(
      'model.invalid',
      `"${proto.name}" is of an element type (${proto.dataType}) that nothing here takes`,
    )
  const shape = proto.dims.map(Number)
  const external = Object.fromEntries(proto.externalData.map(({ key, value }) => [key, value]))
  if (external.location !== undefined) {
    const file = weights.get(external.location)!
    const offset = Number(external.offset ?? 0)
    const length = external.length === undefined ? file.byteLength - offset : Number(external.length)
    return checked({ dtype, shape, data: file.subarray(offset, offset + length) })
  }
  if (proto.rawData.byteLength > 0) return checked({ dtype, shape, data: proto.rawData })
  const words = wordsOf(proto, dtype)
  return words ? tensorOf(words, shape, dtype) : checked({ dtype, shape, data: new Uint8Array() })
}

function checked(tensor: Tensor): Tensor {
  checkTensor(tensor)
  return tensor
}

/** Elements that lie in the fields for their type; `undefined` for types that only come as raw bytes. */
function wordsOf(proto: TensorProto, dtype: Tensor['dtype']): TensorArray | undefined {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(proto.floatData)
    case 'int64':
      return BigInt64Array.from(proto.int64Data)
    case 'int32':
      return Int32Array.from(proto.int32Data)
    case 'int16':
      return Int16Array.from(proto.int32Data)
    case 'uint16':
      return Uint16Array.from(proto.int32Data)
    case 'int8':
      return Int8Array.from(proto.int32Data)
    case 'uint8':
    case 'bool':
      return Uint8Array.from(proto.int32Data)
    default:
      return undefined
  }
}
