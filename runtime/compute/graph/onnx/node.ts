import { create } from '@bufbuild/protobuf'
import { userError } from '../../../base/index.ts'
import type { Dimension, TensorSpec } from '../../../data/sources/signature.ts'
import type { Tensor } from '../../../data/tensor/tensor.ts'
import {
  type AttributeProto,
  AttributeProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx_pb.ts'
import { ATTRIBUTE_CODES, DATA_TYPE_CODES } from './onnx-codes.ts'

/** An attribute of a node. Numbers are ONNX integers; a float says so, because `1` and `1.0` are the same number here. */
export type Attribute =
  | number
  | bigint
  | string
  | readonly (number | bigint)[]
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: Tensor }

/** One operation, as plain data: `{ op: 'Cast', inputs: ['x'], outputs: ['y'], attributes: { to: 1 } }`. */
export interface NodeSpec {
  /** The operator's name, as https://onnx.ai/onnx/operators/ lists them. */
  readonly op: string
  /** Names of values; `''` for an optional input that is absent. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, Attribute>>
  /** Default: ONNX's own operators. */
  readonly domain?: string
}

/** A node for a graph. Throws `model.attribute` for a fraction that isn't marked `{ float }`. */
export function nodeProto({ op, inputs, outputs, attributes = {}, domain }: NodeSpec): NodeProto {
  return create(NodeProtoSchema, {
    name: outputs[0] ?? op,
    opType: op,
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes).map(([name, value]) => attributeProto(name, value)),
    ...(domain !== undefined && { domain }),
  })
}

/** A tensor as a constant of a graph; shares its bytes. Throws `model.string-constant`. */
export function tensorProto({ dtype, shape, data }: Tensor, name?: string): TensorProto {
  if (dtype === 'string') throw userError('model.string-constant', 'a constant of strings is not supported')
  return create(TensorProtoSchema, {
    dims: shape.map(BigInt),
    dataType: DATA_TYPE_CODES[dtype],
    rawData: data,
    ...(name !== undefined && { name }),
  })
}

/** The declaration of a graph's input or output. */
export function valueInfoProto({ name, dtype, shape }: TensorSpec): ValueInfoProto {
  const tensor = {
    elemType: DATA_TYPE_CODES[dtype],
    ...(shape && { shape: { dim: shape.map((dimension) => ({ value: dimensionProto(dimension) })) } }),
  }
  return create(ValueInfoProtoSchema, { name, type: { value: { case: 'tensorType', value: tensor } } })
}

function dimensionProto(dimension: Dimension) {
  if (typeof dimension === 'number') return { case: 'dimValue' as const, value: BigInt(dimension) }
  return dimension === '?' ? { case: undefined } : { case: 'dimParam' as const, value: dimension }
}

function attributeProto(name: string, value: Attribute): AttributeProto {
  return create(AttributeProtoSchema, { name, ...attributeFields(name, value) })
}

function attributeFields(name: string, value: Attribute) {
  const utf8 = (text: string) => new TextEncoder().encode(text)
  if (typeof value === 'number' || typeof value === 'bigint')
    return { type: ATTRIBUTE_CODES.int, i: integer(name, value) }
  if (typeof value === 'string') return { type: ATTRIBUTE_CODES.string, s: utf8(value) }
  if (isStrings(value)) return { type: ATTRIBUTE_CODES.strings, strings: value.map(utf8) }
  if (isIntegers(value)) return { type: ATTRIBUTE_CODES.ints, ints: value.map((each) => integer(name, each)) }
  if ('float' in value) return { type: ATTRIBUTE_CODES.float, f: value.float }
  if ('floats' in value) return { type: ATTRIBUTE_CODES.floats, floats: [...value.floats] }
  return { type: ATTRIBUTE_CODES.tensor, t: tensorProto(value.tensor) }
}

function isStrings(value: Attribute): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string')
}

function isIntegers(value: Attribute): value is readonly (number | bigint)[] {
  return Array.isArray(value)
}

function integer(name: string, value: number | bigint): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw userError('model.attribute', `attribute ${name} is ${value}, which is no integer; write { float: ${value} }`)
  return BigInt(value)
}
