import { limit } from '../../base/index.ts'
import type { JobSpec, ShardKind } from '../../protocol/index.ts'
import type { SchedulerEvent } from '../scheduler/index.ts'
import type { JobRun } from './job-run.ts'

/** What the scheduler is told of a job when it is taken up. */
export function opened({ spec, epoch, workforce, scaling }: JobRun): SchedulerEvent {
  return {
    type: 'job-opened',
    job: spec.job,
    epoch,
    kinds: kindsOf(spec),
    requirements: spec.request.requirements,
    maxLeases: maxShardsOf(spec),
    ...(scaling.workers !== undefined && { maxWorkers: scaling.workers }),
    awaited: workforce.peers(),
  }
}

/** A member of a training by rounds also aggregates. */
function kindsOf({ request }: JobSpec): ShardKind[] {
  if (request.program === 'infer') return ['infer']
  return request.program === 'train' && request.rounds ? ['train', 'reduce'] : ['train']
}

function maxShardsOf({ request }: JobSpec): number {
  return (request.program === 'infer' ? request.maxShardsInFlight : undefined) ?? limit('shardsInFlight')
}
