import { create } from '@bufbuild/protobuf'
import { z } from 'zod'
import { limit, userError } from '../../../base/index.ts'
import { elementCount } from '../../../data/tensor/check.ts'
import { DTYPES } from '../../../data/tensor/tensor.ts'
import { type Model, readModel } from '../onnx/model.ts'
import { ModelProtoSchema, StringStringEntryProtoSchema } from '../onnx/onnx_pb.ts'

/** Of a graph's input or output. */
export const nameSchema = z.string().min(1).max(512)
/** Of a tensor. */
export const shapeSchema = z.array(z.int().min(0)).max(limit('tensorRank'))

/** A tensor that a step reads and gives back changed. */
export const stateTensorSchema = z.object({
  /** The graph's input. */
  name: nameSchema,
  /** The graph's output that holds it after the step. */
  next: nameSchema,
  dtype: z.enum(['float32', 'int64']),
  shape: shapeSchema,
  /**
   * `parameter`: trained, and part of the model that leaves. `adapter`: as a parameter, of a low-rank adapter.
   * `statistic`: not trained by the gradient, but part of the model that leaves (running means of batch norm).
   * `optimizer`: of no use after training.
   */
  role: z.enum(['parameter', 'adapter', 'statistic', 'optimizer']),
})

/** A random 0/1 tensor that a step is fed anew each time: what dropout keeps. */
export const maskSchema = z.object({
  name: nameSchema,
  shape: shapeSchema,
  /** Probability of a one. */
  keep: z.number().min(0).max(1),
})

/**
 * What a training step takes and gives, written into its ONNX file under {@link STEP_METADATA_KEY}, so that the file's
 * hash covers it. A step is one plain ONNX graph: forward, backward and optimiser.
 */
export const stepSignatureSchema = z.object({
  version: z.literal(1),
  /** In the order in which they are hashed, compressed and sent. */
  state: z.array(stateTensorSchema).min(1).max(limit('stepTensors')),
  /** Inputs that no step changes: frozen weights. They travel once. */
  frozen: z.array(z.object({ name: nameSchema, dtype: z.enum(['float32', 'int64']), shape: shapeSchema })),
  /** Inputs of samples; axis 0 is the batch, the same for each. */
  batch: z.array(
    z.object({
      name: nameSchema,
      dtype: z.enum(['float32', 'int64', 'int32', 'uint8']),
      shape: shapeSchema,
      /** Whole numbers from 0 up to, not including, this: classes, or symbols of an alphabet. Absent: not said. */
      below: z.int().min(1).optional(),
    }),
  ),
  /** uint8 inputs, drawn for each step from the job's seed. */
  masks: z.array(maskSchema),
  /** Scalar f32 inputs by their meaning: the learning rate of this step, and its number (from 1, for bias correction). */
  scalars: z.object({ learningRate: nameSchema.optional(), step: nameSchema.optional() }),
  /** Scalar f32 outputs: `loss` always, others by name (`accuracy`: a share of the batch, `gradientNorm`). */
  metrics: z.array(nameSchema).min(1),
})

/** See {@link stepSignatureSchema}. */
export type StepSignature = z.infer<typeof stepSignatureSchema>

/** See {@link stateTensorSchema}. */
export type StateTensor = z.infer<typeof stateTensorSchema>

/** Where an ONNX file holds its {@link StepSignature}, as JSON in `metadata_props`. */
export const STEP_METADATA_KEY = 'aivida.training-step'

/** The model with a step's signature written into it; weights are shared. */
export function withStepSignature(model: Model, signature: StepSignature): Model {
  const entry = create(StringStringEntryProtoSchema, { key: STEP_METADATA_KEY, value: JSON.stringify(signature) })
  return Object.assign(create(ModelProtoSchema), model, { metadataProps: [...model.metadataProps, entry] }) as Model
}

/**
 * The signature of a training step. Throws `step.not-a-step` for a model that has none or one of another version,
 * `step.too-large`, and
 * `model.*` as {@link readModel} does.
 */
export function stepSignatureOf(bytes: Uint8Array): StepSignature {
  const text = readModel(bytes).metadataProps.find(({ key }) => key === STEP_METADATA_KEY)?.value
  if (text === undefined)
    throw userError(
      'step.not-a-step',
      'expected a training step, found an ONNX model without one; build it with trainingStep()',
    )
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch (cause) {
    throw userError('step.not-a-step', `expected a training step, found a signature that is not JSON: ${cause}`)
  }
  const parsed = stepSignatureSchema.safeParse(found)
  if (!parsed.success)
    throw userError('step.not-a-step', `expected a training step of version 1: ${z.prettifyError(parsed.error)}`)
  const { state, frozen, batch, masks, scalars, metrics } = parsed.data
  const taken = [...state, ...frozen, ...batch, ...masks].map(({ name }) => name)
  const given = Object.values(scalars).filter((name) => name !== undefined)
  assertDistinct([...taken, ...given], [...state.map(({ next }) => next), ...metrics])
  assertFeeds(parsed.data)
  return parsed.data
}

/** What a node holds of each step beside the state; who wrote the signature may be a stranger. Throws `step.too-large`. */
export function assertFeeds({ batch, masks }: Pick<StepSignature, 'batch' | 'masks'>): void {
  const bytes = [...batch, ...masks.map(({ shape }) => ({ shape, dtype: 'uint8' as const }))].reduce(
    (sum, { dtype, shape }) => sum + DTYPES[dtype] * elementCount(shape),
    0,
  )
  if (!(bytes <= limit('stepFeedBytes')))
    throw userError(
      'step.too-large',
      `the batch and the masks of a step take ${bytes} bytes, at most ${limit('stepFeedBytes')} are fed; build it for fewer samples`,
      { bytes },
    )
}

/**
 * An output that two tensors share would leave the memory set aside for one of them unwritten, and that is the next state.
 * Throws `step.not-a-step`.
 */
export function assertDistinct(inputs: readonly string[], outputs: readonly string[]): void {
  const twice = repeated(inputs) ?? repeated(outputs)
  if (twice !== undefined)
    throw userError('step.not-a-step', `expected different tensors in a training step, found ${twice} named twice`)
}

function repeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>()
  return names.find((name) => seen.has(name) || !seen.add(name))
}
