import { resolve } from 'node:path'
import { type TrainingStep, trainingStep } from '../../compute/graph/index.ts'
import { stepsPerEpoch } from '../../compute/training/index.ts'
import type { JobRequest, LearningRate } from '../../protocol/index.ts'
import { isShare, type TrainingDefinition } from './definition.ts'
import { type RequestedRounds, roundsOf } from './rounds-definition.ts'
import type { Training } from './training.ts'
import { TrainingFolder } from './training-folder.ts'

/** A training as a request whose files are there. */
export interface WrittenTraining {
  readonly step: TrainingStep
  readonly request: Extract<JobRequest, { program: 'train' }>
  /** Removes the files; the node has its own copies once it has taken the job. */
  remove(): Promise<void>
}

/**
 * Builds the step of a training and writes what the node reads into a folder of its own. Throws `graph.*`, `rows.*`, `source.*`,
 * `train.batch-too-large`.
 */
export async function writeTraining(training: Training): Promise<WrittenTraining> {
  const folder = await TrainingFolder.make()
  const remove = () => folder.remove()
  try {
    return { ...(await trainingRequest(folder, training)), remove }
  } catch (error) {
    await remove()
    throw error
  }
}

/** Builds the step of a training, and writes what the node reads into a folder that others may share. Throws as {@link writeTraining} does. */
export async function trainingRequest(
  folder: TrainingFolder,
  { definition }: Training,
): Promise<Pick<WrittenTraining, 'step' | 'request'>> {
  const step = trainingStep(definition)
  return { step, request: await requestOf(folder, step, definition) }
}

async function requestOf(
  folder: TrainingFolder,
  step: TrainingStep,
  definition: TrainingDefinition,
): Promise<WrittenTraining['request']> {
  const { from, seed, epochs, validation, stepsPerShard, commitEvery, requirements, name, outputDir } = definition
  const model = await folder.put('step.onnx', [step.step])
  const state = from === undefined ? await folder.putTensors('state.safetensors', step.initialState()) : resolve(from)
  const rounds = roundsOf(definition)
  const frozen = step.frozen()
  const hasFrozen = Object.keys(frozen).length > 0
  const data = await folder.rows(definition.data, step.signature)
  const held = isShare(validation) ? Math.max(1, Math.floor(data.rows * validation.share)) : 0
  const rows = data.rows - held
  const perEpoch = stepsPerEpoch(step.signature, { rows })
  const steps = definition.steps ?? epochs! * perEpoch
  const measured =
    validation === undefined
      ? undefined
      : isShare(validation)
        ? { path: data.path, firstRow: rows, rows: held }
        : { path: (await folder.rows(validation, step.signature)).path }
  const evaluation = measured && (await folder.put('evaluation.onnx', [step.evaluation()]))
  return {
    program: 'train',
    model,
    state,
    ...(hasFrozen && { frozen: await folder.putTensors('frozen.safetensors', frozen) }),
    data: { path: data.path, rows },
    steps,
    ...(seed !== undefined && { seed }),
    learningRate: rateOf(definition.learningRate, steps),
    served: await folder.put('served.onnx', [step.served()]),
    ...(measured && evaluation && { evaluation: evaluationOf(definition, evaluation, measured, perEpoch) }),
    ...(rounds && { rounds: { ...rounds, ...(await splitFiles(folder, step, rounds)) } }),
    ...(stepsPerShard !== undefined && { stepsPerShard }),
    ...(commitEvery !== undefined && { commitEvery }),
    ...(requirements && { requirements }),
    ...(name !== undefined && { name }),
    ...(outputDir !== undefined && { outputDir: resolve(outputDir) }),
  }
}

/** The step in two parts, where gradients may be what is averaged. */
async function splitFiles(
  folder: TrainingFolder,
  step: TrainingStep,
  { sync }: RequestedRounds,
): Promise<Pick<RequestedRounds, 'gradient' | 'update'>> {
  if (sync === 'diloco') return {}
  const { gradient, update } = step.split()
  return {
    gradient: await folder.put('gradient.onnx', [gradient]),
    update: await folder.put('update.onnx', [update]),
  }
}

function evaluationOf(
  { evaluateEvery, select = {} }: TrainingDefinition,
  model: string,
  data: { readonly path: string; readonly firstRow?: number; readonly rows?: number },
  perEpoch: number,
): NonNullable<WrittenTraining['request']['evaluation']> {
  return { model, data, everySteps: evaluateEvery ?? perEpoch, select }
}

function rateOf(rate: TrainingDefinition['learningRate'], steps: number): LearningRate {
  if (typeof rate === 'number') return { kind: 'constant', rate }
  return rate.kind === 'cosine' ? { totalSteps: steps, ...rate } : rate
}
