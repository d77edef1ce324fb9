import { userError } from '../../../base/index.ts'
import type { Attributes } from '../build/value.ts'
import type { Attribute } from '../onnx/node.ts'
import type { AttributeProto } from '../onnx/onnx_pb.ts'
import { ATTRIBUTE_CODES } from '../onnx/onnx-codes.ts'
import { tensorFromProto, type WeightFiles } from './tensors.ts'

/** The attributes of a node, by name. Throws `graph.attribute` for one that holds a graph: those are not flattened. */
export function attributesFrom(attributes: readonly AttributeProto[], where: string, weights: WeightFiles): Attributes {
  return Object.fromEntries(attributes.map((each) => [each.name, attributeFrom(each, where, weights)]))
}

function attributeFrom(proto: AttributeProto, where: string, weights: WeightFiles): Attribute {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
  switch (proto.type) {
    case ATTRIBUTE_CODES.float:
      return { float: proto.f }
    case ATTRIBUTE_CODES.int:
      return proto.i
    case ATTRIBUTE_CODES.string:
      return text(proto.s)
    case ATTRIBUTE_CODES.tensor:
      return { tensor: tensorFromProto(proto.t!, weights) }
    case ATTRIBUTE_CODES.floats:
      return { floats: proto.floats }
    case ATTRIBUTE_CODES.ints:
      return proto.ints
    case ATTRIBUTE_CODES.strings:
      return proto.strings.map(text)
    default:
      throw userError(
        'graph.attribute',
        `${where}: expected numbers, text or a tensor for attribute ${proto.name}, found kind ${proto.type}; export the model without branches and loops`,
      )
  }
}
