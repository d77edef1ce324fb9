import { z } from 'zod'
import { type AividaError, userError } from '../../../../base/index.ts'

/**
 * What TensorFlow.js saves of a model: `tf.io.ModelArtifacts`, as plain data. Looser here than there: what comes in is
 * checked when it is read.
 */
export interface TfjsArtifacts {
  readonly modelTopology?: unknown
  readonly weightSpecs?: readonly unknown[] | undefined
  readonly weightData?: unknown
  readonly trainingConfig?: unknown
}

/** A live model of TensorFlow.js, `tf.LayersModel` or `tf.Sequential`, by what is used of it. */
export interface TfjsModel {
  /** Hands what it consists of to the handler, as `tf.LayersModel.save` does. */
  save(
    handler: { save(artifacts: TfjsArtifacts): Promise<TfjsSaved> },
    config?: { includeOptimizer?: boolean },
  ): Promise<unknown>
  readonly trainableWeights?: readonly { readonly originalName: string }[]
}

/** What `tf.io.SaveHandler` answers. */
export interface TfjsSaved {
  readonly modelArtifactsInfo: { readonly dateSaved: Date; readonly modelTopologyType: 'JSON' }
}

/** A layer, or a model as a layer, as Keras writes it down. */
export const layerSchema = z.looseObject({
  class_name: z.string(),
  config: z.record(z.string(), z.unknown()).or(z.array(z.unknown())),
  name: z.string().optional(),
  inbound_nodes: z.array(z.unknown()).optional(),
})

/** See {@link layerSchema}. */
export type LayerJson = z.infer<typeof layerSchema>

const weightSpecSchema = z.object({
  name: z.string(),
  shape: z.array(z.int().min(0)),
  dtype: z.string(),
  group: z.string().optional(),
  quantization: z.unknown().optional(),
})

/** What a weight is called and how it lies in the bytes of all weights. */
export type WeightSpec = z.infer<typeof weightSpecSchema>

/** {@link TfjsArtifacts}, checked. */
export interface ReadArtifacts {
  readonly topology: LayerJson
  readonly specs: readonly WeightSpec[]
  readonly data: Uint8Array
  /** As it came: undefined where the model was not compiled, or saved without its optimiser. */
  readonly trainingConfig: unknown
  /** Names of the weights that a live model trains. */
  readonly trained: ReadonlySet<string> | undefined
}

/**
 * Reads a model that TensorFlow.js saved, or saves a live one into memory. `withOptimizer` asks a live model for its
 * training configuration too. Throws `tfjs.invalid`.
 */
export async function readArtifacts(
  source: TfjsModel | TfjsArtifacts,
  { withOptimizer = false }: { readonly withOptimizer?: boolean } = {},
): Promise<ReadArtifacts> {
  if (!isLive(source)) return checked(source, undefined)
  let saved: TfjsArtifacts | undefined
  const handler = {
    save: async (artifacts: TfjsArtifacts): Promise<TfjsSaved> => {
      saved = artifacts
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } }
    },
  }
  await source.save(handler, { includeOptimizer: withOptimizer })
  if (!saved) throw invalid('expected the model to save itself, it gave nothing')
  return checked(saved, source.trainableWeights)
}

function isLive(source: TfjsModel | TfjsArtifacts): source is TfjsModel {
  return typeof (source as Partial<TfjsModel>).save === 'function'
}

function checked(
  { modelTopology, weightSpecs, weightData, trainingConfig }: TfjsArtifacts,
  trainable: TfjsModel['trainableWeights'],
): ReadArtifacts {
  if (modelTopology === undefined || modelTopology instanceof ArrayBuffer)
    throw invalid(
      'expected the topology of a Layers model, found none or that of a graph model; save it by model.save() of tf.sequential() or tf.model()',
    )
  if (weightSpecs === undefined || weightData === undefined)
    throw invalid('expected weightSpecs and weightData; load the model by tf.loadLayersModel() and give that')
  // Keras itself writes the model one level down, and its training configuration beside it.
  const outer = modelTopology as { model_config?: unknown; training_config?: unknown }
  return {
    topology: parsed(layerSchema, outer.model_config ?? outer, 'modelTopology'),
    specs: parsed(z.array(weightSpecSchema), weightSpecs, 'weightSpecs'),
    data: bytesOf(weightData),
    trainingConfig: trainingConfig ?? outer.training_config,
    trained: trainable && new Set(trainable.map(({ originalName }) => originalName)),
  }
}

/** `tf.io.WeightData`: one buffer or several; bytes too. */
function bytesOf(data: unknown): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (Array.isArray(data)) return Buffer.concat(data.map(bytesOf))
  throw invalid('expected weightData to be an ArrayBuffer or several')
}

/** What a schema makes of a value. Throws `tfjs.invalid`, which says where: `what`. */
export function parsed<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw invalid(
    `${what}: expected it as TensorFlow.js 4 saves it, found something else: ${z.prettifyError(result.error)}`,
  )
}

/** The error `tfjs.invalid`: what came is no saved model, or is damaged. */
export function invalid(message: string): AividaError {
  return userError('tfjs.invalid', message)
}
