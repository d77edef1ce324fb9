import { loadTf, type Tf } from '../../runtime/compute/engine/tfjs/library.ts'
import {
  emit,
  GraphBuilder,
  type ImportedTfjs,
  type NamedValues,
  Parameters,
  Scope,
  type TfjsArtifacts,
  writeModel,
} from '../../runtime/compute/graph/index.ts'
import { type NamedTensors, type Tensor, tensorOf, typedArrayOf } from '../../runtime/data/tensor/index.ts'
import { runModel, someNumbers } from './gradient-check.ts'

/** TensorFlow.js in plain JavaScript. */
export const { tf }: { tf: Tf } = await loadTf()

/** A model of TensorFlow.js. */
export type LayersModel = InstanceType<Tf['LayersModel']>

/** Weights that look random; running variances above 0. */
export function withSomeWeights(model: LayersModel, seed = 1): LayersModel {
  const weights = model.weights.map(({ name, shape }, i) => {
    const count = shape.reduce<number>((product, dim) => product * dim!, 1)
    const numbers = someNumbers(count, seed + i).map((x) => (/variance|gamma/.test(name) ? 1 + x / 2 : 0.7 * x))
    return tf.tensor(Float32Array.from(numbers), shape as number[])
  })
  model.setWeights(weights)
  return model
}

/** What a model saves. */
export async function savedModel(model: LayersModel, includeOptimizer = false): Promise<TfjsArtifacts> {
  let saved: TfjsArtifacts | undefined
  await model.save(
    {
      save: async (artifacts) => {
        saved = artifacts as TfjsArtifacts
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } }
      },
    },
    { includeOptimizer },
  )
  return saved!
}

/**
 * What an imported model makes of a batch, as it is used. Throws where a layer fixes the size of the batch: the graph must
 * be the same for another.
 */
export async function forward(imported: ImportedTfjs, batch: NamedTensors): Promise<NamedTensors> {
  const [model, another] = [0, 1].map((more) => inferenceGraph(imported, batch, more))
  if (Buffer.compare(writeModel(model!.graph), writeModel(another!.graph)) !== 0)
    throw new Error('a layer fixes the size of the batch')
  const weights = Object.fromEntries(model!.parameters.map(({ name, initial }) => [name, initial()]))
  return runModel(model!.graph, { ...batch, ...weights })
}

function inferenceGraph({ network }: ImportedTfjs, batch: NamedTensors, more: number) {
  const g = new GraphBuilder()
  const parameters = new Parameters(g, { seed: 0 })
  const inputs = Object.fromEntries(
    Object.entries(batch).map(([name, { dtype, shape }]) => [
      name,
      g.input(name, { dtype, shape: [shape[0]! + more, ...shape.slice(1)] }),
    ]),
  )
  const s = new Scope({
    g,
    mode: 'inference',
    parameters,
    masks: [],
    penalties: new Set(),
    adapters: undefined,
    places: new Map(),
  })
  const outputs = network(s, inputs) as NamedValues
  const fixed = new Set(parameters.all.map(({ value }) => value))
  return { graph: emit(g, { outputs, keepInputs: true, batch: 'batch', fixed }), parameters: parameters.all }
}

/** A tensor as TensorFlow.js takes it: class numbers too are floats there. */
export function toTf(tensor: Tensor) {
  const values = typedArrayOf(tensor) as ArrayLike<number | bigint>
  return tf.tensor(Float32Array.from(values, Number), [...tensor.shape])
}

/** The largest distance of two lists of numbers; infinite where one has more. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let most = 0
  for (let i = 0; i < a.length; i++) {
    const apart = Math.abs(a[i]! - b[i]!)
    if (!(apart <= most)) most = apart
  }
  return most
}

/** Whole numbers from 0 to `below - 1` that look random, as float32. */
export function someWholeNumbers(shape: readonly number[], below: number): Tensor {
  const count = shape.reduce((product, dim) => product * dim, 1)
  return tensorOf(
    Float32Array.from(someNumbers(count, 9), (x) => Math.floor(((x + 1) / 2) * below)),
    shape,
  )
}
