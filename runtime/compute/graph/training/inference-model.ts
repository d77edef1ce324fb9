import { isAividaError, userError } from '../../../base/index.ts'
import type { NamedTensors, Tensor } from '../../../data/tensor/tensor.ts'
import { tensorOf, typedArrayOf } from '../../../data/tensor/typed-array.ts'
import { emit } from '../build/emit.ts'
import { GraphBuilder } from '../build/graph-builder.ts'
import { sameShape, shown } from '../build/shapes.ts'
import type { TensorType, Value } from '../build/value.ts'
import type { NamedValues } from '../layers/layer.ts'
import { type Parameter, Parameters } from '../layers/parameters.ts'
import { type Adapter, type Pass, Scope } from '../layers/scope.ts'
import { type Model, writeModel } from '../onnx/model.ts'
import { batched, outputsOf } from './model-pass.ts'
import type { TrainingInit } from './training-step.ts'

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

/** The model for batches of any size, its weights as inputs, and those weights of a state. Throws `graph.state` when it lacks one. */
export function inferenceOf(
  init: TrainingInit,
  state: NamedTensors,
  frozen: readonly Parameter[],
): { readonly model: Model; readonly weights: NamedTensors } {
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
  const still = new Map(frozen.map(({ name, initial }) => [name, initial]))
  const weights = parameters.map(({ name, shape }) => {
    const tensor = state[name] ?? still.get(name)?.()
    if (!tensor || !sameShape(tensor.shape, shape))
      throw userError(
        'graph.state',
        `expected ${name} of shape ${shown(shape)} in the state, found ${tensor ? shown(tensor.shape) : 'none'}`,
      )
    const adapter = adapters.get(name)
    return [name, adapter ? merged(tensor, adapter, state) : tensor] as const
  })
  return { model, weights: Object.fromEntries(weights) }
}

/** A weight with the product of its adapter added, summed in double precision. */
function merged(weight: Tensor, { down, up, scale, transposed }: Adapter, state: NamedTensors): Tensor {
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

function passOf({ target = 'cpu', seed = 0 }: TrainingInit, adapters: Adapters | undefined) {
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
