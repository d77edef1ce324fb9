import { limit } from '../../base/limits.ts'
import type { DType } from '../../data/tensor/tensor.ts'
import { DIMENSION, SHAPE, TENSOR_TYPE, TYPE, VALUE_INFO } from './onnx-fields.ts'
import type { ProtobufReader } from './protobuf.ts'
import { refused } from './refusal.ts'
import type { TensorSpec } from './tensor-spec.ts'

/** Element types of graph inputs and outputs, by TensorProto.DataType. */
const DTYPE_BY_NUMBER: Readonly<Record<number, DType>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
}

/**
 * Reads a ValueInfoProto as the spec of a tensor. A dimension without a size is symbolic (`?` when it has no name, which
 * is also how exporters mean -1). Throws `model.refused` (`type`) for sequences, maps and types that no tensor here has.
 */
export function readTensorSpec(reader: ProtobufReader, where: string): TensorSpec {
  let name = ''
  let dtype: DType | undefined
  let shape: (number | string)[] | undefined
  while (reader.next()) {
    if (reader.field === VALUE_INFO.name) name = reader.text()
    if (reader.field !== VALUE_INFO.type) continue
    const type = reader.message()
    while (type.next()) {
      if (type.field !== TYPE.tensor) continue
      const tensor = type.message()
      while (tensor.next()) {
        if (tensor.field === TENSOR_TYPE.elementType) dtype = DTYPE_BY_NUMBER[tensor.value]
        else if (tensor.field === TENSOR_TYPE.shape) shape = readShape(tensor.message(), where)
      }
    }
  }
  if (name.length > limit('tensorNameCharacters')) throw refused('type', where, `a name of ${name.length} characters`)
  if (!dtype) throw refused('type', `${where} "${name}"`, 'it is not a tensor of a type that engines take')
  return shape ? { name, dtype, shape } : { name, dtype }
}

function readShape(reader: ProtobufReader, where: string): (number | string)[] {
  const shape: (number | string)[] = []
  while (reader.next()) {
    if (reader.field !== SHAPE.dim) continue
    if (shape.length === limit('tensorRank')) throw refused('dims', where, `more than ${shape.length} dimensions`)
    let dim: number | string = '?'
    const fields = reader.message()
    while (fields.next()) {
      if (fields.field === DIMENSION.value) dim = fields.value < 0 ? '?' : fields.value
      else if (fields.field === DIMENSION.param) dim = fields.text() || '?'
    }
    shape.push(dim)
  }
  return shape
}
