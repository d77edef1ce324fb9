import type { BlobRef, Checkpoint, FailedTrial, Parameter, Selection, SweepView } from '../../../protocol/index.ts'
import { progressOf } from '../training.ts'
import { compare, type SweepStrategy, type TrialView } from './strategy.ts'

/** A trial on its way through a sweep. */
export interface TrialState extends TrialView {
  state: TrialView['state']
  readonly reached: (number | undefined)[]
  /** See `SweepStrategy.rungs`. */
  readonly rungs: readonly number[]
  /** What it came to, in order. */
  readonly checkpoints: Checkpoint[]
  /** Why it failed. */
  failure: Pick<FailedTrial, 'code' | 'message'> | undefined
}

/** What became of a trial: a row of a sweep's table. */
export interface TrialReport {
  readonly trial: number
  readonly parameters: Readonly<Record<string, Parameter>>
  /** 1 is the best; absent where nothing was measured, or it failed. */
  readonly rank?: number
  /** `stopped`: it was not taken further, by the strategy or by the budget. */
  readonly state: TrialView['state'] | 'stopped'
  /** That it took. */
  readonly steps: number
  /** Its best checkpoint, by the sweep's metric; without one its last. */
  readonly checkpoint?: Checkpoint
  readonly failure?: Pick<FailedTrial, 'code' | 'message'>
}

/** The trials of a sweep before any was begun. */
export function newTrials(lengths: readonly number[], strategy: SweepStrategy): TrialState[] {
  return lengths.map((steps) => ({
    state: 'waiting',
    reached: [],
    rungs: strategy.rungs(steps),
    checkpoints: [],
    failure: undefined,
  }))
}

/** Steps that a trial still has to take to its next rung. */
export function stepsToNext({ rungs, reached }: TrialState): number {
  return rungs[reached.length]! - (rungs[reached.length - 1] ?? 0)
}

/** The checkpoint that a trial is judged by: its best, or its last where none was measured. */
export function judgedBy({ checkpoints }: Pick<TrialState, 'checkpoints'>, select: Selection): Checkpoint | undefined {
  const { best, last } = progressOf(checkpoints, select)
  return best ?? last
}

/** How good a trial is. */
export function measureOf(trial: Pick<TrialState, 'checkpoints'>, select: Selection): number | undefined {
  return judgedBy(trial, select)?.validation?.[select.metric]
}

/** The best trial so far: of equal ones the first. A trial that failed is none. */
export function bestOf(trials: readonly TrialState[], select: Selection): number | undefined {
  return ranking(trials, select)[0]
}

/** States that trials may still go on from, and the best trial's. */
export function statesKept(trials: readonly TrialState[], select: Selection): Set<string> {
  const best = bestOf(trials, select)
  return new Set(
    trials.flatMap((trial, index): BlobRef['blob'][] => {
      if (trial.state === 'failed' || (trial.state === 'done' && index !== best)) return []
      return [trial.checkpoints.at(-1)?.state.blob, judgedBy(trial, select)?.state.blob].flatMap((blob) => blob ?? [])
    }),
  )
}

/** Where all of them stand. */
export function viewOf(trials: readonly TrialState[], select: Selection): SweepView {
  const count = (state: TrialState['state']) => trials.filter((trial) => trial.state === state).length
  const rungs = Math.max(...trials.map((trial) => trial.rungs.length))
  const best = bestOf(trials, select)
  const checkpoint = best === undefined ? undefined : judgedBy(trials[best]!, select)
  const value = checkpoint?.validation?.[select.metric]
  return {
    waiting: count('waiting'),
    running: count('running'),
    paused: count('paused'),
    done: count('done'),
    failed: count('failed'),
    rungs: Array.from({ length: rungs }, (_, rung) => trials.filter(({ reached }) => reached.length > rung).length),
    ...(best !== undefined &&
      checkpoint &&
      value !== undefined && { best: { trial: best, value, step: checkpoint.step } }),
  }
}

/** What became of each trial. `isOver`: nothing more will. */
export function reportOf(
  trials: readonly TrialState[],
  parameters: readonly TrialReport['parameters'][],
  select: Selection,
  isOver: boolean,
): TrialReport[] {
  const order = ranking(trials, select)
  return trials.map((trial, index) => {
    const { state, checkpoints, failure } = trial
    const checkpoint = judgedBy(trial, select)
    const rank = order.indexOf(index) + 1
    return {
      trial: index,
      parameters: parameters[index]!,
      ...(rank > 0 && { rank }),
      state: isOver && (state === 'paused' || state === 'running') ? 'stopped' : state,
      steps: checkpoints.at(-1)?.step ?? 0,
      ...(checkpoint && { checkpoint }),
      ...(failure && { failure }),
    }
  })
}

function ranking(trials: readonly TrialState[], select: Selection): number[] {
  return [...trials.entries()]
    .map(([index, trial]) => ({ index, value: trial.state === 'failed' ? undefined : measureOf(trial, select) }))
    .filter(({ value }) => value !== undefined)
    .sort((a, b) => compare(a.value, b.value, select.goal) || a.index - b.index)
    .map(({ index }) => index)
}
