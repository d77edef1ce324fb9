import { resolve } from 'node:path'
import { AividaError, canonicalBytes, isAividaError, sha256, userError } from '../../base/index.ts'
import type { JobRequest, Parameter } from '../../protocol/index.ts'
import { isTrainingDefinition, type Training, trainingRequest } from '../training/index.ts'
import { TrainingFolder } from '../training/training-folder.ts'
import type { Sweep } from './definition.ts'
import { describeParameters } from './parameters.ts'

/** A sweep as a request whose files are there. */
export interface WrittenSweep {
  readonly request: SweepJobRequest
  /** Removes the files; the node has its own copies once it has taken the job. */
  remove(): Promise<void>
}

type SweepJobRequest = Extract<JobRequest, { program: 'sweep' }>

/** What the sweep says, and its trials cannot. */
const OF_THE_SWEEP = ['outputDir', 'requirements', 'name'] as const

/** Rungs of ASHA where nothing else is said. */
const RUNGS = 4

/**
 * Makes the training of each trial and writes what the node reads into a folder of its own: equal graphs, states and data
 * once, and trials that differ in the learning rate alone as one training. Throws `sweep.trial`, which names the parameters,
 * for a trial that cannot be made. `trainingFrom`: what the sweep's `train` gives as a training, of a trial at a time. Default: it is
 * one.
 */
export async function writeSweep(sweep: Sweep, trainingFrom = isOne): Promise<WrittenSweep> {
  const folder = await TrainingFolder.make()
  const remove = () => folder.remove()
  try {
    return { request: await requestOf(folder, sweep, trainingFrom), remove }
  } catch (error) {
    await remove()
    throw error
  }
}

type TrainingFrom = (given: unknown) => Promise<Training>

const isOne: TrainingFrom = async (given) => given as Training

/** The training of a trial. Throws `sweep.trial`. */
export function trainingOf({ trials, definition }: Sweep, trial: number): Training {
  return made(trials[trial]!, () => checked(definition.train(trials[trial]!)))
}

function checked(training: Training): Training {
  if (!isTrainingDefinition(training)) throw userError('sweep.option', 'it gave no training({ ... })')
  const given = OF_THE_SWEEP.find((name) => training.definition[name] !== undefined)
  if (given) throw userError('sweep.option', `${given} is for the sweep to say, beside space and train`)
  if (training.definition.workers !== undefined)
    throw userError('sweep.option', 'it is for several workers, and a trial has one at a time: leave workers out')
  if (training.definition.validation === undefined)
    throw userError('sweep.option', 'it has no validation, by which trials are compared')
  return training
}

async function requestOf(folder: TrainingFolder, sweep: Sweep, trainingFrom: TrainingFrom): Promise<SweepJobRequest> {
  const { train, strategy, metric = 'loss', goal = 'min', budget, requirements, name, outputDir } = sweep.definition
  const trainings = new Map<string, { index: number; training: SweepJobRequest['trainings'][number] }>()
  const trials: SweepJobRequest['trials'] = []
  let shortest = Number.POSITIVE_INFINITY
  for (const parameters of sweep.trials) {
    const { request } = await made(parameters, async () =>
      trainingRequest(folder, checked(await trainingFrom(train(parameters)))),
    )
    const { learningRate, ...rest } = request
    shortest = Math.min(shortest, request.steps!)
    const key = sha256(canonicalBytes(rest))
    const known = trainings.get(key) ?? { index: trainings.size, training: request }
    trainings.set(key, known)
    trials.push({ parameters, training: known.index, learningRate })
  }
  const minutes = budget?.minutes
  return {
    program: 'sweep',
    trainings: [...trainings.values()].map(({ training }) => training),
    trials,
    ...(strategy?.kind === 'asha' && {
      strategy: {
        kind: 'asha',
        eta: strategy.eta,
        minSteps: strategy.minSteps ?? Math.max(1, Math.floor(shortest / strategy.eta ** (RUNGS - 1))),
      },
    }),
    metric,
    goal,
    ...(budget && {
      budget: {
        ...(budget.steps !== undefined && { steps: Math.floor(budget.steps) }),
        ...(minutes !== undefined && { ms: Math.ceil(minutes * 60_000) }),
      },
    }),
    ...(requirements && { requirements }),
    ...(name !== undefined && { name }),
    ...(outputDir !== undefined && { outputDir: resolve(outputDir) }),
  }
}

/** Whatever a trial fails of names its parameters. */
function made<T>(parameters: Readonly<Record<string, Parameter>>, make: () => T): T {
  const failed = (error: unknown): never => {
    const what = error instanceof Error ? error.message : String(error)
    const code = isAividaError(error) ? `${error.code}: ` : ''
    throw new AividaError({
      code: 'sweep.trial',
      category: 'user',
      message: `the trial of ${describeParameters(parameters)} cannot be made: ${code}${what}`,
      facts: { parameters },
      cause: error,
    })
  }
  try {
    const result = make()
    return result instanceof Promise ? (result.catch(failed) as T) : result
  } catch (error) {
    return failed(error)
  }
}
