import type { SweepJob } from '../../protocol/index.ts'
import type { TrialReport } from '../programs/index.ts'
import type { CoordinatorPorts } from './ports.ts'

/** The table of a sweep's trials, and the best trial's state, become files of its result. Never rejects: what cannot be kept is logged. */
export async function keepTrials(
  ports: Pick<CoordinatorPorts, 'writeStates' | 'writeTrials' | 'logger'>,
  spec: SweepJob,
  trials: readonly TrialReport[],
): Promise<void> {
  const best = trials.find(({ rank }) => rank === 1)?.checkpoint
  try {
    await ports.writeTrials(spec, trials)
    if (best) await ports.writeStates(spec, { best: best.state })
  } catch (cause) {
    ports.logger.error({ job: spec.job, error: String(cause) }, 'what a sweep came to could not be kept')
  }
}
