import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type TrainingStep, trainingStep } from '../../compute/graph/index.ts'
import { stepsPerEpoch } from '../../compute/training/index.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import { safetensorsHead } from '../../data/tensor/safetensors.ts'
import type { JobRequest, LearningRate } from '../../protocol/index.ts'
import { isShare, type Training, type TrainingDefinition } from './definition.ts'
import { type RequestedRounds, roundsOf } from './rounds-definition.ts'
import { rowsOf } from './training-rows.ts'

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
export async function writeTraining({ definition }: Training): Promise<WrittenTraining> {
  const dir = await mkdtemp(join(tmpdir(), 'aivida-training-'))
  const remove = () => rm(dir, { recursive: true, force: true })
  try {
    const step = trainingStep(definition)
    return { step, request: await requestOf(dir, step, definition), remove }
  } catch (error) {
    await remove()
    throw error
  }
}

async function requestOf(
  dir: string,
  step: TrainingStep,
  definition: TrainingDefinition,
): Promise<WrittenTraining['request']> {
  const { from, seed, epochs, validation, stepsPerShard, commitEvery, requirements, name, outputDir } = definition
  const path = (file: string) => join(dir, file)
  await writeFile(path('step.onnx'), step.step)
  if (from === undefined) await writeTensors(path('state.safetensors'), step.initialState())
  const rounds = roundsOf(definition)
  const frozen = step.frozen()
  const hasFrozen = Object.keys(frozen).length > 0
  if (hasFrozen) await writeTensors(path('frozen.safetensors'), frozen)
  const data = await rowsOf(path('data.rows'), definition.data, step.signature)
  const held = isShare(validation) ? Math.max(1, Math.floor(data.rows * validation.share)) : 0
  const rows = data.rows - held
  const perEpoch = stepsPerEpoch(step.signature, { rows })
  const steps = definition.steps ?? epochs! * perEpoch
  const measured =
    validation === undefined
      ? undefined
      : isShare(validation)
        ? { path: data.path, firstRow: rows, rows: held }
        : { path: (await rowsOf(path('validation.rows'), validation, step.signature)).path }
  if (measured) await writeFile(path('evaluation.onnx'), step.evaluation())
  return {
    program: 'train',
    model: path('step.onnx'),
    state: from === undefined ? path('state.safetensors') : resolve(from),
    ...(hasFrozen && { frozen: path('frozen.safetensors') }),
    data: { path: data.path, rows },
    steps,
    ...(seed !== undefined && { seed }),
    learningRate: rateOf(definition.learningRate, steps),
    ...(measured && { evaluation: evaluationOf(definition, path('evaluation.onnx'), measured, perEpoch) }),
    ...(rounds && { rounds: { ...rounds, ...(await splitFiles(path, step, rounds)) } }),
    ...(stepsPerShard !== undefined && { stepsPerShard }),
    ...(commitEvery !== undefined && { commitEvery }),
    ...(requirements && { requirements }),
    ...(name !== undefined && { name }),
    ...(outputDir !== undefined && { outputDir: resolve(outputDir) }),
  }
}

/** The step in two parts, where gradients may be what is averaged. */
async function splitFiles(
  path: (file: string) => string,
  step: TrainingStep,
  { sync }: RequestedRounds,
): Promise<Pick<RequestedRounds, 'gradient' | 'update'>> {
  if (sync === 'diloco') return {}
  const { gradient, update } = step.split()
  await writeFile(path('gradient.onnx'), gradient)
  await writeFile(path('update.onnx'), update)
  return { gradient: path('gradient.onnx'), update: path('update.onnx') }
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

async function writeTensors(path: string, tensors: NamedTensors): Promise<void> {
  const entries = Object.entries(tensors).map(([name, tensor]) => ({ name, ...tensor }))
  await pipeline(Readable.from([safetensorsHead(entries), ...entries.map(({ data }) => data)]), createWriteStream(path))
}
