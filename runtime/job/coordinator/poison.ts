import { AividaError, type Digest, userError } from '../../base/index.ts'
import type { InferenceJob } from '../../protocol/index.ts'
import type { ShardFailure } from '../scheduler/index.ts'

const DIVERGED = 'train.diverged'

/** `job.poison-shard`, or `train.diverged` for a training whose loss is no number any more: why no attempt at a shard gave a result, and what to do about it. */
export function poisonError(shard: Digest, failures: readonly ShardFailure[]): AividaError {
  const causes = failures.map(({ peer, code, message }) => `${code} on ${peer.slice(-8)}: ${message}`)
  const [first] = failures
  if (first && failures.every(({ code }) => code === DIVERGED))
    return new AividaError({
      code: DIVERGED,
      category: 'user',
      message: `${first.message}; the states before it are kept`,
      facts: { shard, failures },
    })
  const every = (...areas: string[]) => failures.every(({ code }) => areas.some((area) => code.startsWith(area)))
  const remedy = every('disk.', 'log.') ? 'see to the disks of those nodes' : 'mend the input or the model'
  return new AividaError({
    code: 'job.poison-shard',
    category: every('model.', 'tensor.', 'train.') ? 'user' : 'peer',
    message: `shard ${shard.slice(0, 12)} failed on every attempt (${[...new Set(causes)].join('; ')}); ${remedy} and submit again`,
    facts: { shard, failures },
  })
}

/** `source.empty`: the input of a job has no rows. */
export function emptySource({ request }: InferenceJob): AividaError {
  return userError('source.empty', `no rows in ${request.input.path}; give an input with at least one row`)
}
