import type { ErrorRecord } from '../../base/index.ts'
import { groupEntries, groupsIn } from '../../log/index.ts'
import type { JobStatus, JournalHead, Signed } from '../../protocol/index.ts'
import { framesFrom, type JobEntry, type JobJournal, jobEntryCodec } from '../journal/index.ts'

/** What is left of a job's journal to whoever takes the job over. */
export interface GivenUp {
  readonly head: JournalHead
  /** Frames of sealed groups. */
  readonly groups: readonly Uint8Array[]
}

/** Groups that an adopter is given at once; it has followed the journal, and lacks little. */
const GIVEN_UP_BYTES = 32 << 20

/** Where a journal stands, and its groups from an entry on (default: none), but for the one that ends the job. */
export async function whatIsLeft(job: string, { log }: JobJournal, fromSeq?: number): Promise<GivenUp> {
  const frames = fromSeq === undefined ? [] : await framesFrom(log, fromSeq, GIVEN_UP_BYTES)
  const groups = frames.filter((frame) => {
    const [group] = groupsIn(frame)
    return group && !groupEntries(group).some((entry) => jobEntryCodec.decode(entry).type === 'ended')
  })
  return { head: { job, ...log.head }, groups }
}

/** What an end's entry needs to know of a job's run. */
export interface Ending {
  readonly finishedWallMs: number | undefined
  readonly error: ErrorRecord | undefined
  /** By which another node took the job over. */
  readonly adoption: Signed | undefined
}

/** What the journal says of a job's end. */
export function endOf(
  { finishedWallMs = 0, error, adoption }: Ending,
  state: Exclude<JobStatus['state'], 'running'>,
): JobEntry {
  return {
    type: 'ended',
    state,
    atWallMs: finishedWallMs,
    ...(error && { error }),
    ...(state === 'adopted' && adoption && { adoption }),
  }
}
