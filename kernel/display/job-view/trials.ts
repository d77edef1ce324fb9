import { describeParameters, parameterText } from '../../../runtime/node/sweep/parameters.ts'
import type { JobStatus, SweepView } from '../../../runtime/protocol/index.ts'
import type { JobView, TrialRow } from './job-view.ts'

/** A trial, for a row. */
export interface RankedTrial extends TrialRow {
  /** In words ... */
  readonly parameters: string
  /** ... and one by one, in the order of {@link parameterNames}. */
  readonly values: readonly string[]
}

/** The trials of a sweep that have come to something, the best first, with their parameters. */
export function rankedTrials({ trials, sweep }: JobView): RankedTrial[] {
  const sign = sweep?.goal === 'max' ? -1 : 1
  const value = ({ best }: TrialRow) => (best === undefined ? Number.POSITIVE_INFINITY : sign * best)
  const names = parameterNames({ sweep })
  return [...trials.values()]
    .sort((a, b) => value(a) - value(b) || a.trial - b.trial)
    .map((row) => {
      const own = sweep?.trials[row.trial] ?? {}
      const values = names.map((name) => (own[name] === undefined ? '' : parameterText(own[name])))
      return { ...row, parameters: describeParameters(own), values }
    })
}

/** What a sweep varies: all parameters that a trial of it has. */
export function parameterNames({ sweep }: Pick<JobView, 'sweep'>): string[] {
  return [...new Set(sweep?.trials.flatMap((parameters) => Object.keys(parameters)))]
}

/**
 * `27 trials: 2 running, 7 waiting, 3 done; rungs reached by 18, 5, 1`. Once it has ended, nobody waits at a rung any more: trials
 * that were not taken further were stopped.
 */
export function trialText(sweep: SweepView, state: JobStatus['state']): string {
  const { waiting, running, paused, done, failed, rungs } = sweep
  const isOver = state !== 'running'
  const kinds = { running, waiting, [isOver ? 'stopped' : 'paused']: paused, done, failed }
  const counts = Object.entries(kinds).filter(([, count]) => count > 0)
  const all = waiting + running + paused + done + failed
  return `${all} trials: ${counts.map(([what, count]) => `${count} ${what}`).join(', ')}${rungs.length > 1 ? `; rungs reached by ${rungs.join(', ')}` : ''}`
}
