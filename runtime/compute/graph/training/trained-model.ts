import { create } from '@bufbuild/protobuf'
import { z } from 'zod'
import { limit, userError } from '../../../base/index.ts'
import type { NamedTensors, Tensor } from '../../../data/tensor/tensor.ts'
import { tensorOf, typedArrayOf } from '../../../data/tensor/typed-array.ts'
import { sameShape, shown } from '../build/shapes.ts'
import { type Model, readModel, writeModel } from '../onnx/model.ts'
import { ModelProtoSchema, StringStringEntryProtoSchema } from '../onnx/onnx_pb.ts'
import { withWeights, withWeightsBeside } from '../onnx/weights.ts'
import { nameSchema, shapeSchema } from './step-signature.ts'

/**
 * What the weights of a model come from when a state is given, written into its ONNX file under {@link MODEL_METADATA_KEY}: so
 * that whoever has the file and a state can make the trained model, without what it was built from.
 */
export const modelSignatureSchema = z.object({
  version: z.literal(1),
  /** Inputs that are weights, by the names of the state or of what is frozen. */
  weights: z
    .array(
      z.object({
        name: nameSchema,
        shape: shapeSchema,
        /** Two matrices of the state whose product, times `scale`, is added; the weight is `[out, in]` where `transposed`. */
        adapter: z.object({ down: nameSchema, up: nameSchema, scale: z.number(), transposed: z.boolean() }).optional(),
      }),
    )
    .max(limit('stepTensors')),
})

/** See {@link modelSignatureSchema}. */
export type ModelSignature = z.infer<typeof modelSignatureSchema>

/** Where an ONNX file holds its {@link ModelSignature}, as JSON in `metadata_props`. */
export const MODEL_METADATA_KEY = 'aivida.served-model'

/** The model with its signature written into it. */
export function withModelSignature(model: Model, signature: ModelSignature): Model {
  const entry = create(StringStringEntryProtoSchema, { key: MODEL_METADATA_KEY, value: JSON.stringify(signature) })
  return Object.assign(create(ModelProtoSchema), model, { metadataProps: [...model.metadataProps, entry] }) as Model
}

/** The trained model: a file of {@link TrainingStep.served} and a state, and what was frozen. Throws `graph.state`, `model.not-served`. */
export function trainedModel(served: Uint8Array, state: NamedTensors, frozen: NamedTensors = {}): Uint8Array {
  const { model, weights } = filled(readModel(served), state, frozen)
  return writeModel(withWeights(model, weights))
}

/** As {@link trainedModel}, with the weights beside it: in a file called `location` whose content is `pieces`, one after the other. */
export function trainedModelParts(
  served: Uint8Array,
  location: string,
  state: NamedTensors,
  frozen: NamedTensors = {},
): { readonly graph: Uint8Array; readonly pieces: readonly Uint8Array[] } {
  const { model, weights } = filled(readModel(served), state, frozen)
  const parts = withWeightsBeside(model, weights, location)
  return { graph: writeModel(parts.model), pieces: parts.pieces }
}

/** Throws `model.not-served` for a model that does not say what its weights come from. */
export function modelSignatureOf(model: Model): ModelSignature {
  const text = model.metadataProps.find(({ key }) => key === MODEL_METADATA_KEY)?.value
  let found: unknown
  try {
    found = JSON.parse(text ?? 'null')
  } catch {
    found = null
  }
  const parsed = modelSignatureSchema.safeParse(found)
  if (parsed.success) return parsed.data
  throw userError(
    'model.not-served',
    'expected a model whose weights are inputs and that says what they come from; take served() of a trainingStep()',
  )
}

function filled(served: Model, state: NamedTensors, frozen: NamedTensors): { model: Model; weights: NamedTensors } {
  const weights = modelSignatureOf(served).weights.map(({ name, shape, adapter }) => {
    const tensor = state[name] ?? frozen[name]
    if (!tensor || !sameShape(tensor.shape, shape))
      throw userError(
        'graph.state',
        `expected ${name} of shape ${shown(shape)} in the state, found ${tensor ? shown(tensor.shape) : 'none'}`,
      )
    return [name, adapter ? merged(tensor, adapter, state) : tensor] as const
  })
  const metadataProps = served.metadataProps.filter(({ key }) => key !== MODEL_METADATA_KEY)
  const model = Object.assign(create(ModelProtoSchema), served, { metadataProps }) as Model
  return { model, weights: Object.fromEntries(weights) }
}

/** A weight with the product of its adapter added, summed in double precision. */
function merged(
  weight: Tensor,
  { down, up, scale, transposed }: NonNullable<ModelSignature['weights'][number]['adapter']>,
  state: NamedTensors,
): Tensor {
  const [a, b] = [state[down], state[up]]
  if (!a || !b) throw userError('graph.state', `expected ${down} and ${up} in the state, found one of them missing`)
  const [fanIn, rank] = a.shape as [number, number]
  const fanOut = b.shape[1]!
  const [A, B] = [a, b].map((tensor) => typedArrayOf(tensor) as Float32Array) as [Float32Array, Float32Array]
  const sum = Float32Array.from(typedArrayOf(weight) as Float32Array)
  const row = new Float64Array(fanOut)
  for (let i = 0; i < fanIn; i++) {
    row.fill(0)
    for (let k = 0; k < rank; k++) {
      const factor = scale * A[i * rank + k]!
      for (let j = 0; j < fanOut; j++) row[j]! += factor * B[k * fanOut + j]!
    }
    for (let j = 0; j < fanOut; j++) sum[transposed ? j * fanIn + i : i * fanOut + j]! += row[j]!
  }
  return tensorOf(sum, weight.shape)
}
