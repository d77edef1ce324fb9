import { isSweep, isTraining, type JobSpec, type ResultPart } from '../../protocol/index.ts'
import { progressOf, type TrialReport } from '../programs/index.ts'
import type { CoordinatorPorts } from './ports.ts'
import { checkpointsIn } from './program-of.ts'

type Ports = Pick<CoordinatorPorts, 'writeStates' | 'writeTrials' | 'writeModel' | 'logger'>

/**
 * The last state of a training, the best one, and the model that it leaves become files of the result, and of a sweep the table of its trials and the
 * best trial's state: what is left of it when all else is let go. Never rejects: what cannot be kept is logged.
 */
export async function keepStates(
  ports: Ports,
  spec: JobSpec,
  parts: readonly ResultPart[],
  trials: readonly TrialReport[] = [],
): Promise<void> {
  try {
    if (isTraining(spec) && parts.length > 0) {
      const { last, best } = progressOf(checkpointsIn(parts), spec.request.evaluation?.select)
      await ports.writeStates(spec, { ...(last && { last: last.state }), ...(best && { best: best.state }) })
      const leaving = best ?? last
      if (leaving) await ports.writeModel(spec, spec.training, leaving.state)
    } else if (isSweep(spec)) {
      await ports.writeTrials(spec, trials)
      const best = trials.find(({ rank }) => rank === 1)
      if (!best?.checkpoint) return
      await ports.writeStates(spec, { best: best.checkpoint.state })
      const { training } = spec.sweep.trainings[spec.request.trials[best.trial]!.training]!
      await ports.writeModel(spec, training, best.checkpoint.state)
    }
  } catch (cause) {
    ports.logger.error({ job: spec.job, error: String(cause) }, 'the states of a job could not be kept')
  }
}
