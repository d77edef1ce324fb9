import { describeParameters } from '../../../runtime/node/sweep/parameters.ts'
import type { SweepView } from '../../../runtime/protocol/index.ts'
import type { JobView, TrialRow } from './job-view.ts'

/** The trials of a sweep that have come to something, the best first, with their parameters in words. */
export function rankedTrials({ trials, sweep }: JobView): (TrialRow & { readonly parameters: string })[] {
  const sign = sweep?.goal === 'max' ? -1 : 1
  const value = ({ best }: TrialRow) => (best === undefined ? Number.POSITIVE_INFINITY : sign * best)
  return [...trials.values()]
    .sort((a, b) => value(a) - value(b) || a.trial - b.trial)
    .map((row) => ({ ...row, parameters: describeParameters(sweep?.trials[row.trial] ?? {}) }))
}

/** `27 trials: 2 running, 7 waiting, 3 done; rungs 18, 5, 1` */
export function trialText({ waiting, running, paused, done, failed, rungs }: SweepView): string {
  const counts = Object.entries({ running, waiting, paused, done, failed }).filter(([, count]) => count > 0)
  const all = waiting + running + paused + done + failed
  return `${all} trials: ${counts.map(([what, count]) => `${count} ${what}`).join(', ')}${rungs.length > 1 ? `; rungs ${rungs.join(', ')}` : ''}`
}
