import { inspect } from 'node:util'
import { type AividaError, aborted, userError } from '../../runtime/base/errors.ts'
import type { JobHandle } from '../../runtime/node/control/job-handle.ts'
import type { JobRecordDocument, JobStatus, NodeEvent, ResultPart } from '../../runtime/protocol/index.ts'
import { currentCell } from '../cell.ts'
import type { JobProgram } from '../job-news.ts'
import { interrupted, unlessInterrupted } from './interruption.ts'
import type { JobReport } from './job-report.ts'
import { explained, type NodeLink } from './node-link.ts'

/** What a {@link Job} is made from. */
export interface JobInit {
  readonly link: NodeLink
  /** Resolves when the node has it. */
  readonly id: Promise<string>
  /** Whether an interrupt of the cell that waits cancels it, for what that cell is told. */
  readonly cancelledBy?: AbortSignal | undefined
}

/**
 * A job of the node on this machine, as cells hold it. `await job` waits for its result; `for await (const event of job)` hears
 * what happens on the way, what has happened before included. It lives in the node, not in the notebook: it goes on when the
 * kernel is restarted, and `cluster.job(await job.id)` finds it again, from any notebook of this user, and of those it is shared with.
 *
 * Interrupting a cell cancels the jobs that this very cell submitted, unless `{ detach: true }`; others go on, and only the
 * waiting ends, with `cell.interrupted`.
 */
export abstract class Job<Result, Event> implements PromiseLike<Result>, AsyncIterable<Event> {
  /** What it computes. Rejects with what its submission failed of. */
  abstract readonly program: Promise<JobProgram>
  /** Its id, once the node has it. Rejects with what its submission failed of. */
  readonly id: Promise<string>
  protected readonly link: NodeLink
  readonly #cancelledBy: AbortSignal | undefined
  #result: Promise<Result> | undefined
  #known: string | undefined

  constructor({ link, id, cancelledBy }: JobInit) {
    this.link = link
    this.id = id
    this.#cancelledBy = cancelledBy
    id.then(
      (job) => {
        this.#known = job
      },
      () => {}, // told to whoever awaits it, and shown by the live view
    )
  }

  /** Where it stands. Throws `node.not-running`, `job.unknown`. */
  status(): Promise<JobStatus> {
    return this.ask((handle) => handle.status())
  }

  /** Stops it, on all workers; one that has ended is left as it is. Answers with its state afterwards. */
  cancel(reason = 'cancelled from a notebook'): Promise<JobStatus> {
    return this.ask((handle) => handle.cancel(reason))
  }

  /**
   * Lets it have so many workers at once from now on, more or fewer; those beyond them end what they were given. Throws
   * `job.ended`, `scale.single` for a training on one worker, `scale.workers` for more or fewer than it can have.
   */
  async scale(to: { readonly workers: number }): Promise<JobStatus> {
    const { workers } = Object(to) as Partial<typeof to>
    if (workers === undefined || !Number.isSafeInteger(workers) || workers < 1)
      throw userError('scale.workers', `expected { workers: N } with N from 1 on, found ${inspect(to)}`)
    return this.ask((handle) => handle.scale({ workers }))
  }

  /** Finished parts so far: Arrow files in its output folder on this machine, which can be read while it runs. */
  parts(): Promise<ResultPart[]> {
    return this.ask((handle) => handle.parts())
  }

  /** How it has gone so far: who computed what, in which class. Throws `record.none`. */
  record(): Promise<JobRecordDocument> {
    return this.ask((handle) => handle.record())
  }

  /** How it has gone so far as a page for people; shown in the cell, or `(await job.report()).save('report.html')`. */
  async report(): Promise<JobReport> {
    const { jobReport } = await import('./job-report.ts')
    return this.ask((handle) => jobReport(handle))
  }

  /**
   * Writes a training as one file, a tar archive, from which anybody can do it again: `npx aivida jobs replay FILE`. Gives the
   * file's path. `data`: whether its rows come along; by default they do. Its folder is made. Throws `bundle.*`.
   */
  async bundle(file: string, { data = true }: { readonly data?: boolean } = {}): Promise<string> {
    const { writeGiven } = await import('./given-file.ts')
    return this.ask(async (handle) => writeGiven(file, await handle.bundle({ data })))
  }

  /**
   * Lets others have it. With a file: a `.html` is its report, which any browser opens; a `.tar` has the report, the result as Arrow,
   * and of a training or a sweep the model and the best state; no path of this machine is in it. Gives the file's path;
   * its folder is made.
   *
   * With an account (`ac_...`) of the same cluster: its nodes may read the job - status, report, results, model - and nothing else, from
   * now on until {@link unshare}, over restarts of this node. Gives what its people write: `await cluster.job('JOB@NODE')`. A note
   * in the cell says so where no member of the cluster is of that account.
   *
   * Throws `share.file`, `share.account`, `share.read-only` for a job of another node, `share.own`, `share.too-many`.
   */
  async share(target: string): Promise<string> {
    if (!String(target).startsWith('ac_')) {
      const { shareJob } = await import('./share.ts')
      return this.ask((handle) => shareJob(handle, target))
    }
    const job = await this.id
    return this.link.inTurn(job, async () => {
      const { shareWith } = await import('./share.ts')
      return this.link.ask((client) => shareWith(client, job, target))
    })
  }

  /** Lets the nodes of an account read it no longer; what they have fetched stays theirs. Gives the accounts that still may. */
  async unshare(account: string): Promise<string[]> {
    const { sharedWith = [] } = await this.link.inTurn(await this.id, async () => {
      const { accountOf } = await import('./share.ts')
      return this.ask((handle) => handle.unshare(accountOf(account)))
    })
    return sharedWith
  }

  /** As of a promise: with the result, or with what it failed of. */
  // biome-ignore lint/suspicious/noThenProperty: that it can be awaited is the point of it
  then<A = Result, B = never>(
    onResult?: ((result: Result) => A | PromiseLike<A>) | null,
    onError?: ((error: AividaError) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return unlessInterrupted(this.#awaited(), () => this.#fate()).then(onResult, onError)
  }

  /** As of a promise. */
  catch<B = never>(onError: (error: AividaError) => B | PromiseLike<B>): Promise<Result | B> {
    return this.then(undefined, onError)
  }

  /** As of a promise. */
  finally(onEnd: () => void): Promise<Result> {
    return this.then().finally(onEnd)
  }

  /** What happens, from its beginning, until it has ended. Of the cell that is interrupted the loop ends with `cell.interrupted`. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, void> {
    const signal = currentCell()?.signal
    yield* this.events(this.#followed(await this.id, signal))
    if (signal?.aborted) throw interrupted(this.#fate())
  }

  /** For messages and outputs: `TrainingJob job-...`. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `${this.constructor.name} ${this.#known ?? '(not submitted)'}`
  }

  /** What its result is, once it is done. */
  protected abstract resultOf(handle: JobHandle): Promise<Result>

  /** What its events are, made of the node's. */
  protected abstract events(news: AsyncIterable<NodeEvent>): AsyncGenerator<Event, void, void>

  /** Asks the node about it, once that has it. */
  protected async ask<T>(question: (handle: JobHandle) => Promise<T>): Promise<T> {
    const job = await this.id
    return this.link.ask((client) => question(client.job(job)))
  }

  /** Where it stands, with its result on this machine: that of another node's job is brought here. */
  protected here(): Promise<JobStatus> {
    return this.ask(async (handle) => {
      const status = await handle.status()
      if (status.sharedBy) await handle.fetch()
      return status
    })
  }

  /** Resolves when it has ended, however it did. */
  protected async ended(): Promise<JobStatus> {
    let last: JobStatus | undefined
    for await (const event of this.#followed(await this.id)) if (event.type === 'job') last = event.status
    if (last && last.state !== 'running') return last
    throw aborted('the session was closed; the job goes on')
  }

  async *#followed(job: string, signal?: AbortSignal): AsyncGenerator<NodeEvent, void, void> {
    try {
      yield* this.link.events.follow(job, signal)
    } catch (error) {
      throw explained(error)
    }
  }

  #awaited(): Promise<Result> {
    if (this.#result) return this.#result
    const result = this.ended().then(async () => {
      return this.ask(async (handle) => {
        await handle.done() // of one that has ended: rejects with what it failed of
        return this.resultOf(handle)
      })
    })
    this.#result = result
    result.catch(() => {
      this.#result = undefined // a node that was away may be back when it is awaited again
    })
    return result
  }

  #fate(): string {
    if (this.#cancelledBy?.aborted) return `${this.#known ?? 'the job'} is cancelled`
    return this.#known === undefined ? 'the job goes on' : `${this.#known} goes on; await cluster.job('${this.#known}')`
  }
}
