import type { Table } from 'apache-arrow'
import { AividaError, aborted, type Clock, fromRecord } from '../../base/index.ts'
import type { JobRecordDocument, JobStatus, NodeEvent, ResultPart } from '../../protocol/index.ts'
import type { FetchedFiles } from '../sharing/shared-files.ts'
import { checkedJobId } from './checked-names.ts'
import type { Connection, RequestOptions } from './connection.ts'
import { type FollowOptions, follow } from './follow.ts'

/** What {@link JobHandle.done} may be given. */
export interface DoneOptions extends RequestOptions {
  /** Hears of every state on the way. */
  readonly onStatus?: (status: JobStatus) => void
}

/** What {@link JobHandle.fetch} may be given. */
export interface FetchOptions extends RequestOptions {
  /** Hears how much is there, every few seconds. */
  readonly onProgress?: (fetched: FetchedFiles) => void
}

/** One job of a node, from a client's side. It holds nothing but the id: a handle can be made anew at any time. */
export class JobHandle {
  readonly id: string
  readonly #connection: Connection
  readonly #clock: Clock

  constructor(id: string, connection: Connection, clock: Clock) {
    this.id = id
    this.#connection = connection
    this.#clock = clock
  }

  /** Where the job stands. Throws `job.unknown`. */
  status(options?: RequestOptions): Promise<JobStatus> {
    return this.#connection.call('job', { params: { id: this.id } }, options)
  }

  /** Its events from now on, its present state first, until it has ended. Throws `job.unknown`. */
  async *events(options: RequestOptions & Pick<FollowOptions, 'type'> = {}): AsyncGenerator<NodeEvent, void, void> {
    for await (const event of follow(this.#connection, this.#clock, { ...options, job: this.id })) {
      yield event
      if (event.type === 'job' && event.status.state !== 'running') return
    }
  }

  /** Resolves when the job is done. Rejects with what it failed of, with `job.cancelled`, or with `aborted`. */
  async done({ onStatus, signal }: DoneOptions = {}): Promise<JobStatus> {
    let last: JobStatus | undefined
    for await (const event of this.events({ signal, type: 'job' })) {
      if (event.type !== 'job') continue
      last = event.status
      onStatus?.(last)
    }
    if (!last || last.state === 'running') {
      if (signal?.aborted) throw aborted(`waiting for ${this.id} was given up; the job goes on`)
      last = await this.status({ signal })
    }
    if (last.state === 'done') return last
    if (last.error) throw fromRecord(last.error)
    throw new AividaError({
      code: `job.${last.state}`,
      category: last.state === 'cancelled' ? 'aborted' : 'internal',
      message: `${this.id} was ${last.state} after ${last.rows.done} rows; its finished parts are in ${last.outputDir}`,
    })
  }

  /** Finished parts of the result so far: files that can be read while the job still runs. */
  parts(options?: RequestOptions): Promise<ResultPart[]> {
    return this.#connection.call('parts', { params: { id: this.id } }, options)
  }

  /**
   * Brings the result of another node's job to this node: parts so far and, once it has ended, its model and states. Resolves with
   * where they are when all are there; of a job of this node at once. Throws `job.unknown`, `share.*`, `blob.*`, `disk.*`.
   */
  async fetch({ onProgress, ...options }: FetchOptions = {}): Promise<FetchedFiles> {
    for (;;) {
      const fetched = await this.#connection.call('fetch', { params: { id: this.id } }, options)
      onProgress?.(fetched)
      if (fetched.isWhole) return fetched
    }
  }

  /**
   * The whole result as one table in memory, once the job is done; a larger one is better read part by part.
   * Rejects as {@link done} does, and with `result.*`.
   */
  async result(options: RequestOptions = {}): Promise<Table> {
    const { sharedBy } = await this.done(options)
    if (sharedBy) await this.fetch(options)
    const body = await this.#connection.open({ ...options, method: 'GET', path: `/v1/jobs/${this.id}/result` })
    let bytes: Uint8Array
    try {
      bytes = await body.bytes()
    } catch (error) {
      throw this.#connection.explain(error, options.signal)
    }
    const { tableFromIPC } = await import('apache-arrow')
    return tableFromIPC(bytes)
  }

  /** How it has gone so far. Throws `job.unknown`, `record.none`. */
  record(options?: RequestOptions): Promise<JobRecordDocument> {
    return this.#connection.call('record', { params: { id: this.id } }, options)
  }

  /**
   * The training as one file, a tar archive, that `replay` does again on any machine; `data`: whether its rows come along,
   * by default they do. Throws `job.unknown`, `bundle.not-a-training`, `bundle.gone`.
   */
  async bundle({
    data = true,
    ...options
  }: RequestOptions & { readonly data?: boolean } = {}): Promise<AsyncIterable<Uint8Array>> {
    const path = `/v1/jobs/${encodeURIComponent(checkedJobId(this.id))}/bundle?data=${data}`
    return this.#connection.open({ ...options, method: 'GET', path })
  }

  /**
   * Lets it have so many workers at once from now on, more or fewer; those beyond them end what they were given. Throws
   * `job.ended`, `scale.single` for a training on one worker, `scale.workers` for more or fewer than it can have.
   */
  scale({ workers }: { readonly workers: number }, options?: RequestOptions): Promise<JobStatus> {
    return this.#connection.call('scale', { params: { id: this.id }, body: { workers } }, options)
  }

  /**
   * Lets the nodes of an account (`ac_...`) read it: status, record, results and model, and nothing else. Survives restarts of the
   * node. Throws `share.read-only`, `share.own`, `share.too-many`, `job.adopted`.
   */
  share(account: string, options?: RequestOptions): Promise<JobStatus> {
    return this.#connection.call('share', { params: { id: this.id }, body: { account } }, options)
  }

  /** Lets them read it no longer. What they have fetched stays theirs. Throws as {@link share} does. */
  unshare(account: string, options?: RequestOptions): Promise<JobStatus> {
    return this.#connection.call('unshare', { params: { id: this.id, account } }, options)
  }

  /** Stops the job; one that has ended is left as it is. Answers with its state afterwards. */
  cancel(reason?: string, options?: RequestOptions): Promise<JobStatus> {
    return this.#connection.call('cancel', { params: { id: this.id }, body: { reason } }, options)
  }
}
