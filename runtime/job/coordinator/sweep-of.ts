import { isSweep, type JobSpec, type ResultPart, type Selection, type SweepJob } from '../../protocol/index.ts'
import {
  reportOf,
  type SweepOptions,
  type SweepState,
  strategyOf,
  type TrialReport,
  training,
} from '../programs/index.ts'

/** What a sweep's program is told, of its job; `parts` is what an earlier run came to. */
export function sweepOptions({ request, sweep }: SweepJob, parts: readonly ResultPart[]): SweepOptions {
  const { trials, trainings, strategy, goal, budget } = request
  const lengths = trials.map(({ training: which }) => sweep.trainings[which]!.training.steps)
  const inOrder = [...parts].sort((a, b) => a.index - b.index)
  return {
    lengths,
    strategy: strategyOf(strategy, goal, lengths),
    select: selectionOf(request),
    budget,
    trial(index, steps, before) {
      const { training: which, learningRate } = trials[index]!
      const { model, training: spec } = sweep.trainings[which]!
      const asked = trainings[which]!
      const select = { ...asked.evaluation?.select, ...selectionOf(request) }
      return training({ model, training: { ...spec, steps }, request: { ...asked, learningRate }, select, before })
    },
    before: inOrder.flatMap(({ trial, checkpoint }) => (trial && checkpoint ? [{ trial, checkpoint }] : [])),
  }
}

/** Steps that a job takes in all; `undefined` where that depends on what it finds, and of inference. */
export function stepsOf(spec: JobSpec): number | undefined {
  if (!isSweep(spec)) return spec.training?.steps
  const { request, sweep } = spec
  const { strategy, trials, budget } = request
  if (strategy.kind !== 'full' || budget.steps !== undefined) return undefined
  return trials.reduce((sum, { training: which }) => sum + sweep.trainings[which]!.training.steps, 0)
}

/** What became of a sweep's trials. */
export function trialReports({ request }: SweepJob, { trials }: SweepState, isOver: boolean): TrialReport[] {
  const parameters = request.trials.map((trial) => trial.parameters)
  return reportOf(trials, parameters, selectionOf(request), isOver)
}

function selectionOf({ metric, goal }: SweepJob['request']): Selection {
  return { metric, goal, minDelta: 0 }
}
