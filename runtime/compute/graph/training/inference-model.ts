import { isAividaError, userError } from '../../../base/index.ts'
import { emit } from '../build/emit.ts'
import { GraphBuilder } from '../build/graph-builder.ts'
import type { TensorType, Value } from '../build/value.ts'
import type { NamedValues } from '../layers/layer.ts'
import { type Parameter, Parameters } from '../layers/parameters.ts'
import { type Adapter, type Pass, Scope } from '../layers/scope.ts'
import { type Model, writeModel } from '../onnx/model.ts'
import { withWeights } from '../onnx/weights.ts'
import { batched, outputsOf } from './model-pass.ts'
import { type ModelSignature, withModelSignature } from './trained-model.ts'
import type { TrainingInit } from './training-init.ts'

type Adapters = Map<string, Adapter>

/** Loss and metrics of a batch of any size; weights are inputs. */
export function evaluationOf(init: TrainingInit): Uint8Array {
  return writeModel(
    openBatch(init.batchSize, (batchSize, symbol) => {
      const { s, pass } = passOf(init, new Map())
      const batch = inputsOf(s, init.inputs, batchSize)
      const given = init.prepare?.(s, batch) ?? batch
      const outputs = s.g.within('loss', () => init.loss(s, outputsOf(init.model, s, given), given))
      return emit(s.g, {
        outputs,
        ...(symbol !== undefined && { batch: symbol }),
        fixed: fixedOf(pass),
        keepInputs: true,
      })
    }),
  )
}

/** The model for batches of any size, its weights as inputs, with its {@link ModelSignature}. */
export function servedOf(init: TrainingInit): Model {
  const types = modelInputs(init)
  const adapters: Adapters = new Map()
  adaptersOf(init, types, adapters) // once with adapters, to know which there are
  let parameters: readonly Parameter[] = []
  const model = openBatch(init.batchSize, (batchSize, symbol) => {
    const { s, pass } = passOf(init, undefined)
    const outputs = outputsOf(init.model, s, inputsOf(s, types, batchSize))
    parameters = pass.parameters.all
    return emit(s.g, { outputs, ...(symbol !== undefined && { batch: symbol }), fixed: fixedOf(pass) })
  })
  const weights = parameters.map(({ name, shape }) => ({ name, shape: [...shape], ...adapterOf(adapters.get(name)) }))
  return withModelSignature(model, { version: 1, weights })
}

function adapterOf(adapter: Adapter | undefined): Pick<ModelSignature['weights'][number], 'adapter'> {
  if (!adapter) return {}
  const { down, up, scale, transposed } = adapter
  return { adapter: { down, up, scale, transposed } }
}

/** A model that nothing is to learn of. */
export type ModelInit = Pick<TrainingInit, 'model' | 'inputs' | 'seed' | 'target'>

/** A model with what its parameters begin with, as an ONNX file for batches of any size. Throws `graph.*`. */
export function untrainedModel({ inputs, ...init }: ModelInit): Uint8Array {
  let parameters: readonly Parameter[] = []
  const model = openBatch(1, (batchSize, symbol) => {
    const { s, pass } = passOf(init, undefined)
    const outputs = outputsOf(init.model, s, inputsOf(s, inputs, batchSize))
    parameters = pass.parameters.all
    return emit(s.g, { outputs, ...(symbol !== undefined && { batch: symbol }), fixed: fixedOf(pass) })
  })
  const weights = Object.fromEntries(parameters.map(({ name, initial }) => [name, initial()]))
  return writeModel(withWeights(model, weights))
}

/** Types of what the model is given: the columns, or what the preparation makes of them. */
function modelInputs(init: TrainingInit): Readonly<Record<string, TensorType>> {
  if (!init.prepare) return init.inputs
  const { s } = passOf(init, undefined)
  const given = init.prepare(s, inputsOf(s, init.inputs, init.batchSize))
  return Object.fromEntries(
    Object.entries(given).map(([name, { dtype, shape }]) => [name, { dtype, shape: shape.slice(1) }]),
  )
}

function adaptersOf(init: TrainingInit, types: Readonly<Record<string, TensorType>>, adapters: Adapters): void {
  const { s } = passOf(init, adapters)
  outputsOf(init.model, s, inputsOf(s, types, init.batchSize))
}

function passOf({ target = 'cpu', seed = 0 }: Pick<TrainingInit, 'target' | 'seed'>, adapters: Adapters | undefined) {
  const g = new GraphBuilder(target)
  const parameters = new Parameters(g, { seed })
  const pass: Pass = { g, mode: 'inference', parameters, masks: [], penalties: new Set(), adapters, places: new Map() }
  return { s: new Scope(pass), pass }
}

function inputsOf(s: Scope, types: Readonly<Record<string, TensorType>>, batchSize: number): NamedValues {
  return Object.fromEntries(
    Object.entries(types).map(([name, type]) => [name, s.g.input(name, batched(type, batchSize))]),
  )
}

function fixedOf({ parameters }: Pass): ReadonlySet<Value> {
  return new Set(parameters.all.map(({ value }) => value))
}

/**
 * A model for batches of any size: built for two sizes, which must give the same file; of the step's size where the
 * network refuses others (`graph.batch`), as imported ones may. Throws `graph.batch` for layers that fix the size of their
 * own, naming the first node that differs.
 */
function openBatch(batchSize: number, build: (batchSize: number, symbol?: string) => Model): Model {
  const [one, other] = openPair(build) ?? []
  if (!one || !other) return build(batchSize)
  if (Buffer.compare(writeModel(one), writeModel(other)) === 0) return one
  const at = one.graph.node.findIndex(({ name }, i) => name !== other.graph.node[i]?.name)
  const node = one.graph.node[Math.max(at, 0)]
  throw userError(
    'graph.batch',
    `expected layers that leave the batch open (-1 in shapes), found one that fixes its size, near ${node?.name ?? 'the end'}`,
  )
}

function openPair(build: (batchSize: number, symbol: string) => Model): readonly [Model, Model] | undefined {
  try {
    return [build(2, 'batch'), build(3, 'batch')]
  } catch (error) {
    if (isAividaError(error, 'graph.batch')) return undefined
    throw error
  }
}
