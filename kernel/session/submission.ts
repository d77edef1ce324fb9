import { toAividaError } from '../../runtime/base/errors.ts'
import type { JobRequest } from '../../runtime/protocol/index.ts'
import { currentCell } from '../cell.ts'
import type { JobProgram, ShowJob, SweepNews } from '../job-news.ts'
import { interrupted } from './interruption.ts'
import { newsOf } from './news.ts'
import type { NodeLink } from './node-link.ts'

/** What each call that submits a job may be told. */
export interface JobOptions {
  /** Whether the cell shows the job as it goes on. Default: `true`. */
  readonly show?: boolean
  /** Whether an interrupt of the cell leaves the job alone. Default: `false`, it cancels it. */
  readonly detach?: boolean
}

/** A request whose files are there. */
export interface PreparedRequest {
  readonly request: JobRequest
  /** Of a sweep: what it tries. */
  readonly sweep?: SweepNews
  /** Removes the files; the node has its own copies once it has taken the job. */
  remove(): Promise<void>
}

/** What a job is submitted with. */
export interface SubmissionInit extends JobOptions {
  readonly link: NodeLink
  readonly program: JobProgram
  /** What its view calls it until the node, or where the node, knows no name. */
  readonly name?: string | undefined
  /** Makes the request: builds graphs, sends data. Stops when the signal fires. */
  readonly prepare: (signal: AbortSignal) => Promise<PreparedRequest>
  readonly showJob: ShowJob
}

/** A job on its way to the node. */
export interface Submission {
  readonly id: Promise<string>
  /** Fires when the cell that submits it is interrupted; absent where that is nothing to the job. */
  readonly cancelledBy?: AbortSignal
}

/**
 * Submits a job on behalf of the cell that calls, without making that wait, and shows it there. An interrupt of that cell
 * cancels the job; while it is still being submitted, that is called off, and what the node takes all the same is cancelled.
 */
export function submitJob(init: SubmissionInit): Submission {
  const cell = currentCell()
  const { link, showJob, show = true, detach = false } = init
  const cancelledBy = detach ? undefined : cell?.signal
  const prepared = Promise.withResolvers<PreparedRequest>()
  const id = submitted(init, prepared, cancelledBy ?? new AbortController().signal)
  id.catch(prepared.reject)
  const sweep = prepared.promise.then((found) => found.sweep)
  for (const promise of [id, sweep]) promise.catch(() => {}) // told to whoever awaits it, and shown
  const cancel = () => {
    id.then((job) => link.ask((client) => client.job(job).cancel('the cell was interrupted'))).catch(() => {})
  }
  cancelledBy?.addEventListener('abort', cancel, { once: true })
  if (show && cell) showJob(newsOf(init, id, sweep), cell)
  return { id, ...(cancelledBy && { cancelledBy }) }
}

async function submitted(
  { link, prepare }: SubmissionInit,
  prepared: PromiseWithResolvers<PreparedRequest>,
  signal: AbortSignal,
): Promise<string> {
  const calledOff = () => interrupted('the job was not submitted')
  try {
    if (signal.aborted) throw calledOff()
    await link.ask((client) => client.info()) // before anything is built: without a node all of that is for nothing
    const found = await prepare(signal)
    prepared.resolve(found)
    try {
      if (signal.aborted) throw calledOff()
      // Not given the signal: a request that breaks off leaves open whether there is a job, and then nobody could cancel it.
      return (await link.ask((client) => client.submit(found.request))).id
    } finally {
      await found.remove()
    }
  } catch (error) {
    throw signal.aborted ? calledOff() : toAividaError(error)
  }
}
