import { userError } from '../../base/index.ts'
import type { Source } from '../../data/sources/index.ts'
import type { InferenceJob } from '../../protocol/index.ts'
import type { JobJournal } from '../journal/index.ts'

/**
 * Journals what the input of a job is when it is opened first; `known` is what an earlier epoch found. Parts of two
 * inputs never become one result. Throws `source.changed`, `log.*`.
 */
export async function assertSameInput(
  journal: Pick<JobJournal, 'append'>,
  { request }: InferenceJob,
  known: string | undefined,
  { identity }: Source,
): Promise<void> {
  if (known === undefined) await journal.append({ type: 'source', identity })
  else if (known !== identity)
    throw userError(
      'source.changed',
      `${request.input.path} is not what it was when the job began; submit a new job, its output in another folder`,
    )
}
