import type { NamedTensors } from '../../../data/tensor/tensor.ts'
import { emit } from '../build/emit.ts'
import type { Parameter } from '../layers/parameters.ts'
import { writeModel } from '../onnx/model.ts'
import { clippedByNorm } from './clipping.ts'
import { evaluationOf, servedOf } from './inference-model.ts'
import { columnsOf, learningPass, masksOf, metricsOf } from './learning-pass.ts'
import { checkSettings } from './settings.ts'
import { type SplitStep, splitStep } from './split-step.ts'
import { type StepSignature, withStepSignature } from './step-signature.ts'
import { nextOf, stateHeads, updated } from './step-state.ts'
import { trainedModel, trainedModelParts } from './trained-model.ts'
import type { TrainingInit } from './training-init.ts'

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
  /** The same step in two graphs, for replicas whose gradients are averaged between them. Built at each call. */
  readonly split: () => SplitStep
  /** Loss and metrics of a batch of any size, as scalars, as the model is used: weights are inputs, by the state's names. */
  readonly evaluation: () => Uint8Array
  /** The model as it is used, for batches of any size; weights are inputs: {@link trainedModel} puts those of a state inside. */
  readonly served: () => Uint8Array
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
  const { batchSize, seed = 0, clip, accumulate = 1 } = init
  checkSettings('trainingStep', {
    batchSize: [batchSize, { least: 1, whole: true }],
    accumulate: [accumulate, { least: 1, whole: true }],
    clip: [clip, { least: 0, exclusive: true }],
    seed: [seed, { least: 0, whole: true }],
  })
  const { g, parameters, batch, masks, learned, losses, sums } = learningPass(init)
  const { clipped, norm } = clip === undefined ? { clipped: sums, norm: undefined } : clippedByNorm(g, sums, clip)
  const trained = learned.map((parameter, i) => ({ parameter, gradient: clipped[i]! }))
  const { state, scalars } = updated(g, init.optimizer, { parameters, trained })
  const metrics = { ...metricsOf(g, losses, init.metrics), ...(norm && { gradientNorm: norm }) }
  const frozen = parameters.all.filter(({ role }) => role === 'frozen')
  const signature: StepSignature = {
    version: 1,
    state: stateHeads(state),
    frozen: frozen.map(({ name, shape }) => ({ name, dtype: 'float32', shape: [...shape] })),
    batch: columnsOf(g, batch),
    masks: masksOf(masks),
    scalars: Object.fromEntries(scalars.map((name) => [name, name])),
    metrics: Object.keys(metrics),
  }
  const still = () => Object.fromEntries(frozen.map(({ name, initial }) => [name, initial()]))
  const next = nextOf(state)
  const model = emit(g, { outputs: { ...next, ...metrics }, keepInputs: true })
  return {
    step: writeModel(withStepSignature(model, signature)),
    signature,
    parameters: parameters.all,
    initialState: () => Object.fromEntries(Array.from(state, ([name, { initial }]) => [name, initial()])),
    frozen: still,
    split: () => splitStep(init),
    evaluation: () => evaluationOf(init),
    served: () => writeModel(servedOf(init)),
    inference: (trainedState) => trainedModel(writeModel(servedOf(init)), trainedState, still()),
    inferenceParts: (trainedState, location) =>
      trainedModelParts(writeModel(servedOf(init)), location, trainedState, still()),
  }
}
