import { z } from 'zod'
import { userError } from '../../../../base/index.ts'
import { nearest } from '../../../../base/nearest.ts'
import type { TensorType } from '../../build/value.ts'
import { type Arranged, asGiven, given } from './arrangement.ts'
import { invalid, type LayerJson, layerSchema, parsed } from './artifacts.ts'
import type { Building } from './building.ts'
import { LayerSpec } from './layer-spec.ts'
import { LAYERS } from './rules/index.ts'
import type { Weights } from './weights.ts'

/** An input of a model: the type of one sample, and the batch where the model fixes it. */
export interface ModelInput extends TensorType {
  readonly name: string
  readonly batch: number | null
}

/** A model whose layers have been read. */
export interface LayersModel {
  readonly name: string
  readonly inputs: readonly ModelInput[]
  /** Names of the layers that the outputs come from, in their order. */
  readonly outputs: readonly string[]
  readonly build: ManyBuild
}

type ManyBuild = (b: Building, inputs: readonly Arranged[]) => readonly Arranged[]

interface ReadLayer {
  readonly name: string
  /** What a model is given, where the layer is one. */
  readonly modelInputs?: readonly ModelInput[]
  readonly build: ManyBuild
}

const MODELS = new Set(['Sequential', 'Model', 'Functional'])

const inputSchema = z.looseObject({
  name: z.string(),
  batch_input_shape: z.array(z.int().nullable()).min(1),
  dtype: z.string().nullish(),
})

/** Where a value comes from: a layer, which of its calls, which of its outputs; and arguments of the call. */
const originSchema = z
  .array(z.unknown())
  .min(3)
  .max(4)
  .pipe(z.tuple([z.string(), z.int(), z.int()], z.unknown()))

const functionalSchema = z.looseObject({
  name: z.string(),
  layers: z.array(layerSchema),
  input_layers: z.array(originSchema),
  output_layers: z.array(originSchema),
})

/** Sequential models of old were a list of layers without a name. */
const sequentialSchema = z.union([
  z.looseObject({ name: z.string(), layers: z.array(layerSchema) }),
  z.array(layerSchema).transform((layers) => ({ name: 'sequential', layers })),
])

/** Reads a model and all its layers. Throws `tfjs.*`, and `graph.unknown-layer` for a layer without a rule. */
export function readTopology(json: LayerJson, weights: Weights): LayersModel {
  if (json.class_name === 'Sequential') return readSequential(json, weights)
  if (MODELS.has(json.class_name)) return readFunctional(json, weights)
  throw invalid(`expected a model (${[...MODELS].join(', ')}), found ${json.class_name}`)
}

function readSequential({ config }: LayerJson, weights: Weights): LayersModel {
  const { name, layers } = parsed(sequentialSchema, config, 'Sequential')
  const [first] = layers
  if (!first) throw invalid(`${name}: expected layers, found none`)
  const hasInput = first.class_name === 'InputLayer'
  const read = (hasInput ? layers.slice(1) : layers).map((layer) => readLayer(layer, weights))
  const input = hasInput ? inputOf(first.config) : firstInput(first, read[0]!)
  return {
    name,
    inputs: [input],
    outputs: [read.at(-1)?.name ?? input.name],
    build: (b, inputs) =>
      read.reduce((values, { name: layer, build }) => b.g.within(layer, () => build(b, values)), inputs),
  }
}

/** A sequence's first layer says what it is given. */
function firstInput({ config }: LayerJson, { name, modelInputs }: ReadLayer): ModelInput {
  return { ...(modelInputs?.[0] ?? inputOf(config)), name: `${name}_input` }
}

function readFunctional({ class_name: className, config }: LayerJson, weights: Weights): LayersModel {
  const {
    name,
    layers,
    input_layers: inputLayers,
    output_layers: outputLayers,
  } = parsed(functionalSchema, config, className)
  const inputs = inputLayers.map(([layer]) => {
    const found = layers.find((each) => nameOf(each) === layer)
    if (!found) throw invalid(`${name}: expected the input ${layer} among the layers`)
    return inputOf(found.config)
  })
  const calls = new Map(
    layers
      .filter(({ class_name: kind }) => kind !== 'InputLayer')
      .map((json) => {
        const layer = readLayer(json, weights)
        const origins = (json.inbound_nodes ?? []).map((node) => parsed(z.array(originSchema), node, layer.name))
        for (const [, , , args] of origins.flat()) checkArguments(layer.name, args)
        return [layer.name, { layer, origins }] as const
      }),
  )
  return {
    name,
    inputs,
    outputs: outputLayers.map(([layer]) => layer),
    build: (b, values) => {
      const made = new Map(inputs.map((input, i) => [`${input.name} 0`, [values[i]!] as readonly Arranged[]]))
      const valueFrom = ([from, node, output]: z.infer<typeof originSchema>): Arranged => {
        const key = `${from} ${node}`
        const found = made.get(key) ?? call(from, node)
        made.set(key, found)
        const value = found[output]
        if (!value) throw invalid(`${name}: expected output ${output} of ${from}, it has ${found.length}`)
        return value
      }
      const call = (from: string, node: number) => {
        const { layer, origins } = calls.get(from) ?? {}
        // The first call of a model is the one it was made by, which is not written down.
        const called = origins?.[layer?.modelInputs ? node - 1 : node]
        if (!layer || !called) throw invalid(`${name}: expected call ${node} of the layer ${from}, found none`)
        made.set(`${from} ${node}`, []) // until it is there: a layer that depends on itself finds nothing
        const given = called.map(valueFrom)
        return b.g.within(from, () => layer.build(b, given))
      }
      return outputLayers.map(valueFrom)
    },
  }
}

function checkArguments(layer: string, args: unknown): void {
  if (args !== undefined && args !== null && Object.keys(args).length > 0)
    throw userError(
      'tfjs.unsupported',
      `${layer}: expected a call without further arguments, found ${Object.keys(args).join(', ')}; leave them out`,
      { layer },
    )
}

function readLayer(json: LayerJson, weights: Weights, wrappers: readonly string[] = []): ReadLayer {
  const { class_name: className } = json
  if (MODELS.has(className)) {
    const { build, name, inputs } = readTopology(json, weights)
    return {
      name,
      modelInputs: inputs,
      build: (b, values) =>
        build(
          b,
          values.map((value, i) => entering(b, value, inputs[i])),
        ),
    }
  }
  if (className === 'TimeDistributed') return timeDistributed(json, weights)
  const rule = LAYERS[className]
  if (!rule) throw unknownLayer(className, nameOf(json))
  const layer = new LayerSpec(json, weights, wrappers)
  const build = rule(layer)
  return { name: layer.name, build: (b, values) => [build(b, values)] }
}

/** A value that a nested model is given, as its input layer has it. */
function entering({ g }: Building, x: Arranged, input: ModelInput | undefined): Arranged {
  return input && input.dtype !== x.value.dtype ? { ...x, value: g.cast(x.value, input.dtype) } : x
}

/** The same layer at each place of axis 1: places become samples and samples again. */
function timeDistributed(json: LayerJson, weights: Weights): ReadLayer {
  const { name, layer } = parsed(z.looseObject({ name: z.string(), layer: layerSchema }), json.config, json.class_name)
  const inner = readLayer(layer, weights, [name])
  return {
    name,
    build: (b, [x]) => {
      const { g } = b
      const value = asGiven(g, x!)
      const [, places, ...rest] = value.shape
      const [y] = inner.build(b, [given(g.reshape(value, [-1, ...rest]))])
      const apart = asGiven(g, y!)
      return [given(g.reshape(apart, [-1, places!, ...apart.shape.slice(1)]))]
    },
  }
}

function inputOf(config: unknown): ModelInput {
  const result = inputSchema.safeParse(config)
  if (!result.success)
    throw invalid(
      `expected the shape of what the model is given at its first layer; give it an inputShape: ${z.prettifyError(result.error)}`,
    )
  const { name, batch_input_shape: shape, dtype } = result.data
  const [batch, ...sample] = shape
  const open = sample.indexOf(null)
  if (open !== -1)
    throw userError(
      'graph.dynamic',
      `${name}: expected an input whose sizes are known beside the batch's, found [${sample.map((dim) => dim ?? '?').join(', ')}]; give it an inputShape in full`,
    )
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== undefined && dtype !== null)
    throw userError('graph.dtype', `${name}: expected an input of float32 or int32, found ${dtype}`)
  return { name, dtype: dtype ?? 'float32', shape: sample as number[], batch: batch ?? null }
}

function nameOf({ name, config }: LayerJson): string {
  return name ?? (config as { name?: string }).name ?? ''
}

function unknownLayer(className: string, name: string) {
  const near = nearest(className, [...Object.keys(LAYERS), 'TimeDistributed'])
  return userError(
    'graph.unknown-layer',
    `${name} (${className}): no rule for this layer${near === undefined ? '' : ` (there is one for ${near})`}; build the model of others, or write that part with layers of graph/layers`,
    { layer: name, className },
  )
}
