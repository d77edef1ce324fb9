import { assertNever } from '../../../base/index.ts'
import type { Selection, SweepStrategy as StrategySpec } from '../../../protocol/index.ts'

/** A trial as a strategy sees it. */
export interface TrialView {
  /** `paused`: it has reached a rung, and could go on to the next. */
  readonly state: 'waiting' | 'running' | 'paused' | 'done' | 'failed'
  /** How good it was at each rung that it has reached, the first one first; `undefined` where it failed or was not measured. */
  readonly reached: readonly (number | undefined)[]
}

/**
 * Which trials are begun, and how far each is taken. It decides by what it is shown alone, so that a sweep that is resumed
 * decides the same.
 */
export interface SweepStrategy {
  /** At which of its steps a trial of so many is compared with the others: ascending, its last step last. */
  rungs(steps: number): readonly number[]
  /** The trial to take to its next rung, now that there is room for one; `undefined`: none before more is known. */
  next(trials: readonly TrialView[]): number | undefined
}

/** The strategy that a request names, for trials of so many steps. */
export function strategyOf(spec: StrategySpec, goal: Selection['goal'], lengths: readonly number[]): SweepStrategy {
  switch (spec.kind) {
    case 'full':
      return { rungs: (steps) => [steps], next: firstWaiting }
    case 'asha':
      return asha(spec, goal, lengths)
    default:
      return assertNever(spec)
  }
}

/**
 * ASHA (Li et al. 2020, algorithm 2). Rungs are shares of a trial's own length, so that trials whose batches differ are
 * compared after the same number of samples; a trial that failed is the worst of the rung that it was on its way to.
 */
function asha(
  { eta, minSteps }: Extract<StrategySpec, { kind: 'asha' }>,
  goal: Selection['goal'],
  lengths: readonly number[],
): SweepStrategy {
  const shortest = Math.min(...lengths)
  let rungs = 1
  while (shortest / eta ** rungs >= minSteps) rungs++
  return {
    rungs: (steps) => [
      ...new Set(Array.from({ length: rungs }, (_, rung) => Math.ceil(steps / eta ** (rungs - 1 - rung)))),
    ],
    next(trials) {
      for (let rung = rungs - 2; rung >= 0; rung--) {
        const there = [...trials.entries()].filter(([, { reached }]) => reached.length > rung)
        const promoted = there
          .sort(([a, one], [b, other]) => compare(one.reached[rung], other.reached[rung], goal) || a - b)
          .slice(0, Math.floor(there.length / eta))
          .find(([, { state, reached }]) => state === 'paused' && reached.length === rung + 1)
        if (promoted && promoted[1].reached[rung] !== undefined) return promoted[0]
      }
      return firstWaiting(trials)
    },
  }
}

function firstWaiting(trials: readonly TrialView[]): number | undefined {
  const index = trials.findIndex(({ state }) => state === 'waiting')
  return index === -1 ? undefined : index
}

/** Orders measurements, the best first; those that are missing come last. */
export function compare(a: number | undefined, b: number | undefined, goal: Selection['goal']): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined)
  return goal === 'min' ? a - b : b - a
}
