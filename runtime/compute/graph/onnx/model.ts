import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { limit, userError } from '../../../base/index.ts'
import { type GraphProto, type ModelProto, ModelProtoSchema } from './onnx_pb.ts'

/** A model that has a graph: what {@link readModel} gives. */
export type Model = ModelProto & { graph: GraphProto }

/**
 * Reads an ONNX file. Weights are views into `bytes`, which must not change afterwards; fields this project doesn't
 * know are kept for {@link writeModel}.
 *
 * Throws `model.too-large`, `model.not-onnx` (also for other protobuf files, and for an empty one).
 */
export function readModel(bytes: Uint8Array): Model {
  if (bytes.byteLength > limit('modelBytes'))
    throw userError(
      'model.too-large',
      `the model is ${bytes.byteLength} bytes; a graph may have ${limit('modelBytes')}: export its weights as external data`,
    )
  const notOnnx = (why: string) =>
    userError('model.not-onnx', `expected an ONNX model, found ${bytes.byteLength} bytes that are not one: ${why}`)
  let model: ModelProto
  try {
    model = fromBinary(ModelProtoSchema, bytes)
  } catch (error) {
    throw notOnnx(error instanceof Error ? error.message : String(error))
  }
  if (model.irVersion <= 0n) throw notOnnx('it has no IR version')
  if (!model.graph) throw notOnnx('it has no graph')
  if (model.graph.output.length === 0) throw notOnnx('its graph has no outputs')
  return model as Model
}

/** The bytes of an ONNX file: deterministic, so their hash can be a name. */
export function writeModel(model: Model): Uint8Array {
  return toBinary(ModelProtoSchema, model)
}

/** The version of an operator set the model uses; `0` when it doesn't. Default: ONNX's own operators. */
export function opsetVersion(model: Model, domain = ''): number {
  const plain = (name: string) => (name === 'ai.onnx' ? '' : name)
  return Number(model.opsetImport.find((opset) => plain(opset.domain) === plain(domain))?.version ?? 0)
}
