import { emit } from '../build/emit.ts'
import { GraphBuilder } from '../build/graph-builder.ts'
import type { Value } from '../build/value.ts'
import type { Parameter } from '../layers/parameters.ts'
import { writeModel } from '../onnx/model.ts'
import { clippedByNorm } from './clipping.ts'
import { columnsOf, type LearningPass, learningPass, masksOf, metricsOf } from './learning-pass.ts'
import {
  type GradientSignature,
  type UpdateSignature,
  withGradientSignature,
  withUpdateSignature,
} from './split-signature.ts'
import { nextOf, stateHeads, updated } from './step-state.ts'
import type { TrainingInit } from './training-init.ts'

/** A step in two graphs; run one after the other they are the step. */
export interface SplitStep {
  /** From the shared state and a batch to gradients: an ONNX file with a {@link GradientSignature}. */
  readonly gradient: Uint8Array
  readonly gradientSignature: GradientSignature
  /** From gradients to the next state, clipping and optimiser: an ONNX file with an {@link UpdateSignature}. */
  readonly update: Uint8Array
  readonly updateSignature: UpdateSignature
}

/**
 * Builds a step as two graphs, between which gradients of many replicas can become their mean. As `trainingStep`, except
 * that what is clipped is the mean, as data-parallel training elsewhere has it. Throws as `trainingStep` does.
 */
export function splitStep(init: TrainingInit): SplitStep {
  const pass = learningPass(init)
  return { ...gradientOf(init, pass), ...updateOf(init, pass.learned) }
}

function gradientOf(
  init: TrainingInit,
  { g, parameters, batch, masks, learned, losses, sums }: LearningPass,
): Pick<SplitStep, 'gradient' | 'gradientSignature'> {
  const gradients = new Map(learned.map((parameter, i) => [parameter, sums[i]!]))
  const outputs: Record<string, Value> = {}
  const state: GradientSignature['state'] = []
  for (const parameter of parameters.all) {
    const { name, shape, role } = parameter
    const gradient = gradients.get(parameter)
    const given = gradient ?? parameters.statistics.get(parameter)
    if (role === 'frozen' || !given) continue
    const gives = gradient ? gradientName(name) : `${name}.next`
    outputs[gives] = given
    state.push({ name, gives, shape: [...shape], role })
  }
  const metrics = metricsOf(g, losses, init.metrics)
  const gradientSignature: GradientSignature = {
    version: 1,
    state,
    frozen: parameters.all
      .filter(({ role }) => role === 'frozen')
      .map(({ name, shape }) => ({ name, dtype: 'float32', shape: [...shape] })),
    batch: columnsOf(g, batch),
    masks: masksOf(masks),
    metrics: Object.keys(metrics),
  }
  const model = emit(g, { outputs: { ...outputs, ...metrics }, keepInputs: true })
  return { gradient: writeModel(withGradientSignature(model, gradientSignature)), gradientSignature }
}

function updateOf(
  { target = 'cpu', clip, optimizer }: TrainingInit,
  parameters: readonly Parameter[],
): Pick<SplitStep, 'update' | 'updateSignature'> {
  const g = new GraphBuilder(target)
  const learned = parameters.map((parameter) => ({
    ...parameter,
    value: g.input(parameter.name, { dtype: 'float32', shape: parameter.shape }),
  }))
  const gradients = learned.map(({ name, shape }) => g.input(gradientName(name), { dtype: 'float32', shape }))
  const { clipped, norm } =
    clip === undefined ? { clipped: gradients, norm: undefined } : clippedByNorm(g, gradients, clip)
  const { state, scalars } = updated(g, optimizer, {
    parameters: { all: learned, statistics: new Map() },
    trained: learned.map((parameter, i) => ({ parameter, gradient: clipped[i]! })),
  })
  const updateSignature: UpdateSignature = {
    version: 1,
    state: stateHeads(state),
    gradients: learned.map(({ name }) => ({ name: gradientName(name), of: name })),
    scalars: Object.fromEntries(scalars.map((name) => [name, name])),
    metrics: norm ? ['gradientNorm'] : [],
  }
  const next = nextOf(state)
  const model = emit(g, { outputs: { ...next, ...(norm && { gradientNorm: norm }) }, keepInputs: true })
  return { update: writeModel(withUpdateSignature(model, updateSignature)), updateSignature }
}

function gradientName(name: string): string {
  return `${name}.gradient`
}
