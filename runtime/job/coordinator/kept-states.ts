import type { JobSpec, ResultPart } from '../../protocol/index.ts'
import { progressOf } from '../programs/index.ts'
import type { CoordinatorPorts } from './ports.ts'
import { checkpointsIn } from './program-of.ts'

/** The last state of a training, and the best one, become files of the result: what is left of it when all else is let go. */
export async function keepStates(
  { writeStates, logger }: Pick<CoordinatorPorts, 'writeStates' | 'logger'>,
  spec: JobSpec,
  parts: readonly ResultPart[],
): Promise<void> {
  const { request } = spec
  if (request.program !== 'train' || parts.length === 0) return
  const { last, best } = progressOf(checkpointsIn(parts), request.evaluation?.select)
  const states = { ...(last && { last: last.state }), ...(best && { best: best.state }) }
  await writeStates(spec, states).catch((cause) => {
    logger.error({ job: spec.job, error: String(cause) }, 'the states of a training could not be kept')
  })
}
