import { AividaError, peerError } from '../../base/index.ts'
import { type Adoption, type JobStatus, type JournalHead, outranks, type Signed } from '../../protocol/index.ts'
import { framesFrom, type JobEntry, type JobJournal } from '../journal/index.ts'
import type { JobRun } from './job-run.ts'

/** What is left of a job's journal to whoever takes the job over. */
export interface GivenUp {
  readonly head: JournalHead
  /** Frames of sealed groups. */
  readonly groups: readonly Uint8Array[]
}

/** Groups that an adopter is given at once; it has followed the journal, and lacks little. */
const GIVEN_UP_BYTES = 32 << 20

const ROLLED_BACK = 'log.rolled-back'

/** Where a journal stands, and its groups from an entry on (default: none). */
export async function whatIsLeft(job: string, { log }: JobJournal, fromSeq?: number): Promise<GivenUp> {
  const groups = fromSeq === undefined ? [] : await framesFrom(log, fromSeq, GIVEN_UP_BYTES)
  return { head: { job, ...log.head }, groups }
}

/** What the journal says of a job's end. */
export function endOf(
  { finishedWallMs = 0, error, adoption }: Pick<JobRun, 'finishedWallMs' | 'error' | 'adoption'>,
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

/**
 * Gives a job up to the node that adopts it; asked again by the same node, it answers the same. Throws `job.unknown`,
 * `job.ended`, `adoption.account`, `adoption.epoch`.
 */
export async function giveUp(
  run: JobRun | undefined,
  self: string,
  adoption: Adoption,
  signed: Signed,
): Promise<GivenUp> {
  const { job, node, account, epoch, seq } = adoption
  if (!run) throw peerError('job.unknown', `${job} is not known to ${self}`)
  if (run.spec.account !== account)
    throw peerError('adoption.account', `${job} belongs to ${run.spec.account}; a node of ${account} cannot adopt it`)
  // One that failed because its journal was put back is to go on where the rest of it is.
  const goesOn = run.state === 'running' || run.state === 'adopted' || run.error?.code === ROLLED_BACK
  if (!goesOn) throw peerError('job.ended', `${job} is ${run.state} already; its result is at ${self}`)
  if (!outranks({ epoch, node }, { epoch: run.epoch, node: self }))
    throw peerError('adoption.epoch', `${job} has epoch ${run.epoch} at ${self}, the adoption says ${epoch}`)
  const error = new AividaError({
    code: 'job.adopted',
    category: 'user',
    message: `${job} was adopted by ${node}, where it goes on; see: aivida job ${job} there`,
    facts: { job, by: node, epoch },
  })
  return run.giveUp(signed, error, seq + 1)
}

/** `log.rolled-back`, of a job's journal: what is lost is at the follower who told. */
export function journalRolledBack(
  job: string,
  { seq, by }: { readonly seq: number; readonly by: string },
): AividaError {
  return new AividaError({
    code: ROLLED_BACK,
    category: 'platform',
    message: `the journal of ${job} lacks entry ${seq}, which ${by} holds under this node's own signature: it was damaged or put back; go on there: aivida jobs adopt ${job} --force`,
    facts: { job, seen: seq, by },
  })
}
