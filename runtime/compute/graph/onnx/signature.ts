import { userError } from '../../../base/index.ts'
import type { Dimension, Signature, TensorSpec } from '../../../data/sources/signature.ts'
import type { Model } from './model.ts'
import type { TensorShapeProto, ValueInfoProto } from './onnx_pb.ts'
import { dtypeOf } from './onnx-codes.ts'

/**
 * What a model takes and gives. Initializers that old files list among the inputs are weights and left out.
 *
 * Throws `model.unsupported-type` for sequences, maps, optional values and element types no engine here takes.
 */
export function signature({ graph }: Model): Signature {
  const weights = new Set(graph.initializer.map(({ name }) => name))
  return {
    inputs: graph.input.filter(({ name }) => !weights.has(name)).map(specOf),
    outputs: graph.output.map(specOf),
  }
}

function specOf({ name, type }: ValueInfoProto): TensorSpec {
  const tensor = type?.value.case === 'tensorType' ? type.value.value : undefined
  const dtype = tensor && dtypeOf(tensor.elemType)
  if (!tensor || !dtype) {
    const found = tensor ? `element type ${tensor.elemType}` : (type?.value.case ?? 'no type')
    throw userError(
      'model.unsupported-type',
      `expected ${name} to be a tensor of a common element type, found ${found}; export the model without it`,
      { name },
    )
  }
  return { name, dtype, ...(tensor.shape && { shape: dimensionsOf(tensor.shape) }) }
}

function dimensionsOf(shape: TensorShapeProto): Dimension[] {
  return shape.dim.map(({ value }) => {
    if (value.case === 'dimValue' && value.value >= 0n) return Number(value.value)
    return value.case === 'dimParam' && value.value !== '' ? value.value : '?'
  })
}
