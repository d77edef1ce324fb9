import { userError } from '../../../base/index.ts'
import type { NamedTensors } from '../../../data/tensor/tensor.ts'
import { emit } from '../build/emit.ts'
import { GraphBuilder, type Target } from '../build/graph-builder.ts'
import type { TensorType, Value } from '../build/value.ts'
import type { Layer, NamedValues, Network } from '../layers/layer.ts'
import { type Parameter, Parameters } from '../layers/parameters.ts'
import { type MaskInput, Scope } from '../layers/scope.ts'
import { writeModel } from '../onnx/model.ts'
import { withWeights, withWeightsBeside } from '../onnx/weights.ts'
import { accumulated } from './accumulation.ts'
import { clippedByNorm } from './clipping.ts'
import { columnBounds } from './column-bounds.ts'
import { evaluationOf, inferenceOf } from './inference-model.ts'
import type { Loss } from './loss.ts'
import { batched, outputsOf, type Preparation } from './model-pass.ts'
import type { Optimizer } from './optimizer.ts'
import { checkSettings } from './settings.ts'
import { type StepSignature, withStepSignature } from './step-signature.ts'
import { updated } from './step-state.ts'

/** What is trained, on what, how. */
export interface TrainingInit {
  /** A layer is given the first of the inputs. */
  readonly model: Layer | Network
  readonly loss: Loss
  readonly optimizer: Optimizer
  /** Columns of the data by name, with the shape of one sample; labels too. */
  readonly inputs: Readonly<Record<string, TensorType>>
  /** Samples a step. */
  readonly batchSize: number
  /** Makes what the model and the loss are given of the columns. Default: the columns. */
  readonly prepare?: Preparation
  /** Longest L2 norm of all gradients together; the metric `gradientNorm` tells it. Default: any. */
  readonly clip?: number
  /** Parts that a batch is cut into, one after the other, their gradients averaged: the
   * memory of one is enough. Default: 1. */
  readonly accumulate?: number
  /** Metrics of the loss that each step computes besides `loss`. Default: all that the loss has. */
  readonly metrics?: readonly string[]
  /** What parameters begin with follows from it. Default: 0. */
  readonly seed?: number
  /** Values that parameters begin with in place of what layers say, by the parameters' names. */
  readonly weights?: NamedTensors
  /** Default: `cpu`. */
  readonly target?: Target
}

/** A model that can be trained: plain ONNX graphs and the tensors that they begin with. */
export interface TrainingStep {
  /** Forward, backward and optimiser as one ONNX file, with its {@link StepSignature}. */
  readonly step: Uint8Array
  readonly signature: StepSignature
  /** Of the model, in the order in which its layers asked for them. */
  readonly parameters: readonly Parameter[]
  /** What the state begins with, in the signature's order. Made anew at each call. */
  readonly initialState: () => NamedTensors
  /** Inputs that no step changes, in the signature's order. */
  readonly frozen: () => NamedTensors
  /** Loss and metrics of a batch of any size, as scalars, as the model is used: weights are inputs, by the state's names. */
  readonly evaluation: () => Uint8Array
  /** The trained model as it leaves, for batches of any size: weights of a state inside, adapters merged. */
  readonly inference: (state: NamedTensors) => Uint8Array
  /** The same with its weights beside it, in a file called `location` whose content is `pieces`, one after the other. */
  readonly inferenceParts: (
    state: NamedTensors,
    location: string,
  ) => { readonly graph: Uint8Array; readonly pieces: readonly Uint8Array[] }
}

/**
 * Builds a training step. Throws `graph.*` in words that name the layer: shapes that do not meet (`graph.shape`), a
 * parameter that the loss does not depend on (`graph.unreached`), an operator without a gradient (`graph.no-gradient`),
 * a batch that is not cut evenly (`graph.batch`), a setting out of its bounds (`graph.setting`).
 */
export function trainingStep(init: TrainingInit): TrainingStep {
  const { inputs, batchSize, seed = 0, target = 'cpu', weights, clip, accumulate = 1 } = init
  checkSettings('trainingStep', {
    batchSize: [batchSize, { least: 1, whole: true }],
    accumulate: [accumulate, { least: 1, whole: true }],
    clip: [clip, { least: 0, exclusive: true }],
    seed: [seed, { least: 0, whole: true }],
  })
  const g = new GraphBuilder(target)
  const parameters = new Parameters(g, { seed, ...(weights && { weights }) })
  const masks: MaskInput[] = []
  const batch = Object.fromEntries(
    Object.entries(inputs).map(([name, type]) => [name, g.input(name, batched(type, batchSize))]),
  )
  const lossOf = (part: NamedValues) => {
    const penalties = new Set<Value>()
    const s = new Scope({ g, mode: 'training', parameters, masks, penalties, adapters: new Map(), places: new Map() })
    const given = init.prepare?.(s, part) ?? part
    return g.within('loss', () => {
      const found = init.loss(s, outputsOf(init.model, s, given), given)
      return { ...found, loss: [...penalties].reduce((sum, penalty) => g.add(sum, penalty), found.loss) }
    })
  }
  const learned = () => parameters.all.filter(({ role }) => role === 'parameter' || role === 'adapter')
  const { losses, sums } = accumulated(g, { batch, batchSize, parts: accumulate, lossOf, trained: learned })
  parameters.checkWeights()
  const { clipped, norm } = clip === undefined ? { clipped: sums, norm: undefined } : clippedByNorm(g, sums, clip)
  const trained = learned().map((parameter, i) => ({ parameter, gradient: clipped[i]! }))
  const { state, scalars } = updated(g, init.optimizer, { parameters, trained })
  const metrics = { ...metricsOf(g, losses, init.metrics), ...(norm && { gradientNorm: norm }) }
  const frozen = parameters.all.filter(({ role }) => role === 'frozen')
  const bounds = columnBounds(g.nodes)
  const signature: StepSignature = {
    version: 1,
    state: Array.from(state, ([name, { shape, role }]) => ({
      name,
      next: `${name}.next`,
      dtype: 'float32',
      shape: [...shape],
      role,
    })),
    frozen: frozen.map(({ name, shape }) => ({ name, dtype: 'float32', shape: [...shape] })),
    batch: Object.values(batch).map((column) => columnOf(column, bounds.get(column))),
    masks: masks.map(({ value, keep }) => ({ name: value.name, shape: [...value.shape], keep })),
    scalars: Object.fromEntries(scalars.map((name) => [name, name])),
    metrics: Object.keys(metrics),
  }
  const next = Object.fromEntries(Array.from(state, ([name, kept]) => [`${name}.next`, kept.next]))
  const model = emit(g, { outputs: { ...next, ...metrics }, keepInputs: true })
  return {
    step: writeModel(withStepSignature(model, signature)),
    signature,
    parameters: parameters.all,
    initialState: () => Object.fromEntries(Array.from(state, ([name, { initial }]) => [name, initial()])),
    frozen: () => Object.fromEntries(frozen.map(({ name, initial }) => [name, initial()])),
    evaluation: () => evaluationOf(init),
    inference: (trainedState) => {
      const { model, weights } = inferenceOf(init, trainedState, frozen)
      return writeModel(withWeights(model, weights))
    },
    inferenceParts: (trainedState, location) => {
      const { model, weights } = inferenceOf(init, trainedState, frozen)
      const parts = withWeightsBeside(model, weights, location)
      return { graph: writeModel(parts.model), pieces: parts.pieces }
    },
  }
}

/** The means over the parts. */
function metricsOf(
  g: GraphBuilder,
  parts: readonly (NamedValues & { readonly loss: Value })[],
  asked: readonly string[] | undefined,
): Record<string, Value> {
  const has = Object.keys(parts[0]!).filter((name) => name !== 'loss')
  for (const name of asked ?? [])
    if (!has.includes(name))
      throw userError('graph.metric', `expected metrics that the loss has (${has.join(', ')}), found ${name}`)
  return Object.fromEntries(
    ['loss', ...(asked ?? has)].map((name) => {
      const sum = parts.map((part) => part[name]!).reduce((a, b) => g.add(a, b))
      return [name, g.scale(sum, 1 / parts.length)]
    }),
  )
}

function columnOf({ name, dtype, shape }: Value, below: number | undefined): StepSignature['batch'][number] {
  if (dtype !== 'float32' && dtype !== 'int64' && dtype !== 'int32' && dtype !== 'uint8')
    throw userError('graph.dtype', `${name}: expected samples of float32, int64, int32 or uint8, found ${dtype}`)
  return { name, dtype, shape: [...shape], ...(below !== undefined && { below }) }
}
