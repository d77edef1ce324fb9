import { create } from '@bufbuild/protobuf'
import type { NamedTensors, Tensor } from '../../../data/tensor/tensor.ts'
import type { Model } from './model.ts'
import { tensorProto } from './node.ts'
import { GraphProtoSchema, ModelProtoSchema, StringStringEntryProtoSchema, type TensorProto } from './onnx_pb.ts'

/** The model with some of its inputs as initializers: weights inside the file. They are shared, not copied. */
export function withWeights(model: Model, weights: NamedTensors): Model {
  return initialized(model, weights, (name, tensor) => tensorProto(tensor, name))
}

/**
 * As {@link withWeights}, with the weights beside the file: it refers to one called `location`, whose content is `pieces`, one
 * after the other. For models beyond the 2 GiB that a graph may have.
 */
export function withWeightsBeside(
  model: Model,
  weights: NamedTensors,
  location: string,
): { readonly model: Model; readonly pieces: readonly Uint8Array[] } {
  const pieces: Uint8Array[] = []
  let offset = 0
  const referring = initialized(model, weights, (name, tensor) => {
    const { data } = tensor
    const place = { location, offset: String(offset), length: String(data.byteLength) }
    const padding = (ALIGNMENT - (data.byteLength % ALIGNMENT)) % ALIGNMENT
    pieces.push(data, new Uint8Array(padding))
    offset += data.byteLength + padding
    return Object.assign(tensorProto({ ...tensor, data: new Uint8Array() }, name), {
      dataLocation: EXTERNAL,
      externalData: Object.entries(place).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value })),
    })
  })
  return { model: referring, pieces }
}

/** `TensorProto.DataLocation.EXTERNAL`. */
const EXTERNAL = 1
/** Where a tensor begins decides the order in which onnxruntime adds. */
const ALIGNMENT = 64

function initialized(model: Model, weights: NamedTensors, proto: (name: string, tensor: Tensor) => TensorProto): Model {
  const { graph } = model
  const given = graph.input.filter(({ name }) => name in weights)
  return Object.assign(create(ModelProtoSchema), model, {
    graph: Object.assign(create(GraphProtoSchema), graph, {
      input: graph.input.filter(({ name }) => !(name in weights)),
      initializer: [...graph.initializer, ...given.map(({ name }) => proto(name, weights[name]!))],
    }),
  }) as Model
}
