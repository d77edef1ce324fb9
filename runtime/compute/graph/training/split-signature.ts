import { create } from '@bufbuild/protobuf'
import { z } from 'zod'
import { limit, userError } from '../../../base/index.ts'
import { type Model, readModel } from '../onnx/model.ts'
import { ModelProtoSchema, StringStringEntryProtoSchema } from '../onnx/onnx_pb.ts'
import { assertDistinct, assertFeeds, nameSchema, shapeSchema, stepSignatureSchema } from './step-signature.ts'

const sharedTensorSchema = z.object({
  /** The graph's input. */
  name: nameSchema,
  /** The graph's output: of what is trained its gradient, of a statistic what it is next. */
  gives: nameSchema,
  shape: shapeSchema,
  role: z.enum(['parameter', 'adapter', 'statistic']),
})

/**
 * What the first half of a step takes and gives, written into its ONNX file under `aivida.gradient`: from the shared state
 * and a batch to the gradients, which are neither clipped nor applied. All of the shared state is f32.
 */
export const gradientSignatureSchema = z.object({
  version: z.literal(1),
  /** In the order of the step's own signature. */
  state: z.array(sharedTensorSchema).min(1).max(limit('stepTensors')),
  /** As in a {@link stepSignatureSchema}, like batch, masks and metrics. */
  frozen: stepSignatureSchema.shape.frozen,
  batch: stepSignatureSchema.shape.batch,
  masks: stepSignatureSchema.shape.masks,
  metrics: stepSignatureSchema.shape.metrics,
})

/** See {@link gradientSignatureSchema}. */
export type GradientSignature = z.infer<typeof gradientSignatureSchema>

/**
 * The second half, under `aivida.update`: from the state and the mean of all gradients to the next state. It clips: what is
 * too long is the mean.
 */
export const updateSignatureSchema = z.object({
  version: z.literal(1),
  /** Without statistics, which no optimiser knows. */
  state: stepSignatureSchema.shape.state,
  /** An f32 input of the same shape for each tensor that is trained, in their order. */
  gradients: z
    .array(z.object({ name: nameSchema, of: nameSchema }))
    .min(1)
    .max(limit('stepTensors')),
  scalars: stepSignatureSchema.shape.scalars,
  /** `gradientNorm` where gradients are clipped. */
  metrics: z.array(nameSchema),
})

/** See {@link updateSignatureSchema}. */
export type UpdateSignature = z.infer<typeof updateSignatureSchema>

const GRADIENT = 'aivida.gradient'
const UPDATE = 'aivida.update'

/** The model with the signature of a gradient written into it. */
export function withGradientSignature(model: Model, signature: GradientSignature): Model {
  return withEntry(model, GRADIENT, signature)
}

/** The model with the signature of an update written into it. */
export function withUpdateSignature(model: Model, signature: UpdateSignature): Model {
  return withEntry(model, UPDATE, signature)
}

/** The signature of the first half of a step. Throws `step.not-a-gradient`, `step.too-large`, and `model.*` as {@link readModel} does. */
export function gradientSignatureOf(bytes: Uint8Array): GradientSignature {
  const found = entryOf(bytes, GRADIENT, gradientSignatureSchema, 'step.not-a-gradient', 'the gradients of a step')
  const inputs = [...found.state, ...found.frozen, ...found.batch, ...found.masks].map(({ name }) => name)
  assertDistinct(inputs, [...found.state.map(({ gives }) => gives), ...found.metrics])
  assertFeeds(found)
  return found
}

/** The signature of the second half of a step. Throws `step.not-an-update`, and `model.*` as {@link readModel} does. */
export function updateSignatureOf(bytes: Uint8Array): UpdateSignature {
  const found = entryOf(bytes, UPDATE, updateSignatureSchema, 'step.not-an-update', 'the update of a step')
  const { state, gradients, scalars, metrics } = found
  const given = Object.values(scalars).filter((name) => name !== undefined)
  assertDistinct(
    [...[...state, ...gradients].map(({ name }) => name), ...given],
    [...state.map(({ next }) => next), ...metrics],
  )
  const trained = state.filter(({ role }) => role !== 'optimizer').map(({ name }) => name)
  if (String(trained) !== String(gradients.map(({ of }) => of)))
    throw userError(
      'step.not-an-update',
      `expected a gradient for each of ${trained.join(', ')}, found ${gradients.map(({ of }) => of).join(', ')}`,
    )
  return found
}

function withEntry(model: Model, key: string, signature: object): Model {
  const entry = create(StringStringEntryProtoSchema, { key, value: JSON.stringify(signature) })
  return Object.assign(create(ModelProtoSchema), model, { metadataProps: [...model.metadataProps, entry] }) as Model
}

function entryOf<T>(bytes: Uint8Array, key: string, schema: z.ZodType<T>, code: string, what: string): T {
  const text = readModel(bytes).metadataProps.find((entry) => entry.key === key)?.value
  if (text === undefined)
    throw userError(code, `expected ${what}, found an ONNX model that is none; build it with trainingStep().split()`)
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch (cause) {
    throw userError(code, `expected ${what}, found a signature that is not JSON: ${cause}`)
  }
  const parsed = schema.safeParse(found)
  if (!parsed.success) throw userError(code, `expected ${what} of version 1: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}
