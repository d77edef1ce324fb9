import { AividaError, peerError } from '../../base/index.ts'
import { type Adoption, adoptionCodec, type JobStatus, outranks, type Signed } from '../../protocol/index.ts'
import type { JobJournal } from '../journal/index.ts'
import { type GivenUp, whatIsLeft } from './job-end.ts'
import type { JobRun } from './job-run.ts'

const ROLLED_BACK = 'log.rolled-back'

/**
 * Gives a job up to the node that adopts it; asked again, it answers the same. One that ended otherwise is not given up:
 * an adoption that `stands` already - its adopter could not know of the end - is left to {@link noteAdoption}. Throws
 * `job.unknown`, `job.ended`, `adoption.account`, `adoption.epoch`.
 */
export async function giveUp(
  run: JobRun | undefined,
  self: string,
  adoption: Adoption,
  signed: Signed,
): Promise<GivenUp> {
  const { job, node, epoch, seq } = adoption
  if (!run) throw jobUnknown(job, self)
  assertAccount(run.spec.account, adoption)
  if (!goesOn(run)) throw jobIsOver(job, run.state, self)
  const isNew = outranksHolder(adoption, run.state === 'adopted' ? run.adoption : undefined, {
    epoch: run.epoch,
    node: self,
  })
  const error = new AividaError({
    code: 'job.adopted',
    category: 'user',
    message: `${job} was adopted by ${node}, where it goes on; see: aivida job ${job} there`,
    facts: { job, by: node, epoch },
  })
  if (isNew) run.adoption = signed
  run.givenUp ??= run.giveUp(error, seq + 1)
  return run.givenUp
}

/**
 * Notes beside the end of a job that another node has adopted it: its end and its result stand, and its status says where
 * it went on. Asked again by an adopter it was given up to, it shows what came before the end. Throws `job.ended` unless
 * the adoption `stands` or the job was given up, `adoption.account`, `job.ending`, `log.*`.
 */
export async function noteAdoption(
  { job, account, state, epoch, error }: JobStatus,
  openJournal: (job: string) => Promise<JobJournal>,
  { adoption, signed, stands, self }: ToldAdoption,
): Promise<GivenUp> {
  assertAccount(account, adoption)
  if (!stands && !goesOn({ state, error })) throw jobIsOver(job, state, self)
  const journal = await openJournal(job)
  try {
    const ended = (await journal.load())?.ended
    if (!ended) throw peerError('job.ending', `${job} is just ending at ${self}; ask again`)
    const isNew = outranksHolder(adoption, ended.adoption, { epoch, node: self })
    if (isNew) await journal.append({ ...ended, adoption: signed })
    return await whatIsLeft(job, journal, state === 'adopted' ? adoption.seq + 1 : undefined)
  } finally {
    await journal.close()
  }
}

/** An adoption, and how it is put to the coordinator before. */
export interface ToldAdoption {
  readonly adoption: Adoption
  readonly signed: Signed
  /** It is done: nothing that is answered takes it back. */
  readonly stands: boolean
  /** The coordinator before. */
  readonly self: string
}

/** Whether an adoption is news; `by` is the one that holds. Throws `adoption.epoch` when it comes to nothing. */
function outranksHolder(
  { job, epoch, node }: Adoption,
  by: Signed | undefined,
  before: { readonly epoch: number; readonly node: string },
): boolean {
  const holder = by ? adoptionCodec.decode(by.body) : before
  if (holder.epoch === epoch && holder.node === node) return false
  if (outranks({ epoch, node }, holder)) return true
  throw peerError('adoption.epoch', `${job} has epoch ${holder.epoch} at ${holder.node}, the adoption says ${epoch}`)
}

/** One that failed because its journal was put back is to go on where the rest of it is. */
function goesOn({ state, error }: Pick<JobStatus, 'state' | 'error'>): boolean {
  return state === 'running' || state === 'adopted' || error?.code === ROLLED_BACK
}

function assertAccount(owner: string, { job, account }: Adoption): void {
  if (owner !== account)
    throw peerError('adoption.account', `${job} belongs to ${owner}; a node of ${account} cannot adopt it`)
}

function jobIsOver(job: string, state: JobStatus['state'], at: string): AividaError {
  return peerError('job.ended', `${job} is ${state} already; its result is at ${at}`)
}

/** `job.unknown`, of a job that an adoption names. */
export function jobUnknown(job: string, at: string): AividaError {
  return peerError('job.unknown', `${job} is not known to ${at}`)
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
