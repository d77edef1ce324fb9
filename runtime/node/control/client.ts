import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import type { Table } from 'apache-arrow'
import type { Clock } from '../../base/index.ts'
import type { JobRequest, JobStatus, NodeEvent, PeerView, SourceSpec, TrainRequest } from '../../protocol/index.ts'
import { type AddDataRequest, type DataEntry, dataEntrySchema, type PutDataRequest } from '../data-shelf/data-entry.ts'
import type {
  AdoptJobRequest,
  FollowedView,
  Invite,
  InviteRequest,
  MemberView,
  NodeInfo,
  PendingView,
} from '../service.ts'
import type { Sweep, SweepHandle } from '../sweep/index.ts'
import type { Training, TrainingHandle } from '../training/index.ts'
import { checkedDataName } from './checked-names.ts'
import { Connection, type RequestOptions } from './connection.ts'
import { type FollowOptions, follow } from './follow.ts'
import { foregroundClock } from './foreground-clock.ts'
import { JobHandle } from './job-handle.ts'
import { ARROW_STREAM, BYTES, uploadSchema } from './routes.ts'

/** Batch inference as a script asks for it: paths are relative to its own folder, and the input may be a table. */
export type InferRequest = Omit<Extract<JobRequest, { program: 'infer' }>, 'program' | 'input'> & {
  /** Rows: the path of a file or a folder, the same with its format, or an Arrow table in memory. */
  readonly input: string | SourceSpec | Table
}

type TrainingFiles = Pick<
  Extract<JobRequest, { program: 'train' }>,
  'model' | 'state' | 'frozen' | 'data' | 'evaluation' | 'served'
>

/** What a {@link Client} is made from. */
export interface ClientInit {
  readonly socketPath: string
  readonly clock?: Clock
}

/**
 * A node's typed client. Every method throws what the node threw (told apart by `code`), `node.not-running` when there
 * is none, and `control.*` when the connection fails.
 */
export class Client implements AsyncDisposable {
  readonly #connection: Connection
  readonly #clock: Clock

  constructor(init: ClientInit) {
    this.#connection = new Connection(init.socketPath)
    this.#clock = init.clock ?? foregroundClock
  }

  /** Where the node listens. */
  get socketPath(): string {
    return this.#connection.socketPath
  }

  /** The node itself. */
  info(options?: RequestOptions): Promise<NodeInfo> {
    return this.#connection.call('info', {}, options)
  }

  /** Runs a model over the rows of a file, a folder or a table. Resolves once the job is accepted. */
  async infer({ input, ...request }: InferRequest, options?: RequestOptions): Promise<JobHandle> {
    const source =
      typeof input === 'string' ? { path: input } : isTable(input) ? await this.upload(input, options) : input
    return this.submit({ ...request, program: 'infer', input: source }, options)
  }

  /**
   * Builds a training and submits it. Resolves once it is accepted. Throws `graph.*` in words that name the layer,
   * `train.*` for rows that do not fit the step. `script`: the file that it was written in, for the job's record.
   */
  async train(
    training: Training,
    { script, ...options }: RequestOptions & { readonly script?: TrainRequest['script'] } = {},
  ): Promise<TrainingHandle> {
    const { writeTraining, TrainingHandle } = await import('../training/index.ts') // graphs are not for everybody
    const { step, request, remove } = await writeTraining(training)
    try {
      return new TrainingHandle(await this.submit({ ...request, ...(script && { script }) }, options), step)
    } finally {
      await remove()
    }
  }

  /**
   * Makes the trials of a sweep and submits it. Resolves once it is accepted. Throws `sweep.*`, which names the parameters of
   * a trial that cannot be made, `train.metric` for a metric that the evaluation does not give.
   */
  async sweep(sweep: Sweep, options?: RequestOptions): Promise<SweepHandle> {
    const { SweepHandle, writeSweep } = await import('../sweep/index.ts')
    const { request, remove } = await writeSweep(sweep)
    try {
      return new SweepHandle(await this.submit(request, options), sweep)
    } finally {
      await remove()
    }
  }

  /** Submits a job. Resolves once it is accepted. Relative paths are taken from this process's folder. */
  async submit(request: JobRequest, options?: RequestOptions): Promise<JobHandle> {
    const { job } = await this.#connection.call('submit', { body: absolute(request) }, options)
    return this.job(job)
  }

  /** A handle of a job, whether or not it exists. */
  job(id: string): JobHandle {
    return new JobHandle(id, this.#connection, this.#clock)
  }

  /** Every job the node knows, newest first. */
  jobs(options?: RequestOptions): Promise<JobStatus[]> {
    return this.#connection.call('jobs', {}, options)
  }

  /**
   * Goes on, on this node, with a job of another node of the same account. Throws `adopt.*`
   * (`adopt.coordinator-alive` while that node is here, unless forced), `job.ended`,
   * `job.output-exists`, `source.*`.
   */
  async adopt(id: string, request: AdoptJobRequest = {}, options?: RequestOptions): Promise<JobHandle> {
    const { input, outputDir, force } = request
    const body = {
      ...(input && { input: { ...input, path: resolve(input.path) } }),
      ...(outputDir !== undefined && { outputDir: resolve(outputDir) }),
      ...(force && { force }),
    }
    await this.#connection.call('adopt', { params: { id }, body }, options)
    return this.job(id)
  }

  /** Jobs of other nodes that this node's account may read, as far as those are here: `client.job(ID)` opens one. */
  shared(options?: RequestOptions): Promise<JobStatus[]> {
    return this.#connection.call('shared', {}, options)
  }

  /** Jobs of other nodes of this account that could be adopted here. */
  followed(options?: RequestOptions): Promise<FollowedView[]> {
    return this.#connection.call('followed', {}, options)
  }

  /** Sends a table to the node, for use as an input. Throws `request.too-large`, `data.full`. */
  async upload(table: Table | Uint8Array, options: RequestOptions = {}): Promise<SourceSpec> {
    const bytes = table instanceof Uint8Array ? table : (await import('apache-arrow')).tableToIPC(table, 'stream')
    const body = await this.#connection.open({
      ...options,
      method: 'POST',
      path: '/v1/data',
      headers: { 'content-type': ARROW_STREAM },
      body: bytes,
    })
    const { path } = await this.#connection.read(body, uploadSchema)
    return { path, format: 'arrow' }
  }

  /** Has the node bring data here - an absolute path, or an http(s) address - and keep them. Resolves at once. */
  async addData(request: AddDataRequest, options?: RequestOptions): Promise<DataEntry> {
    if (request.name !== undefined) checkedDataName(request.name)
    return this.#connection.call('addData', { body: request }, options)
  }

  /**
   * Has the node keep bytes as data of this name; resolves when they are here and their hash is known. They are written straight
   * into a file of the node where this process sees it, and sent otherwise. Throws `data.*`, `disk.*`, `blob.quota`, `aborted`.
   */
  async putData(
    { name, keepMs }: PutDataRequest,
    pieces: AsyncIterable<Uint8Array>,
    options: RequestOptions = {},
  ): Promise<DataEntry> {
    const path = `/v1/datasets/${encodeURIComponent(checkedDataName(name))}`
    const query = keepMs === undefined ? '' : `?keepMs=${keepMs}`
    const { writeData } = await import('./data-writer.ts') // few clients write
    const written = await writeData(this.#connection, `${path}/draft${query}`, pieces, options)
    if (written) return written
    const body = await this.#connection.open({
      ...options,
      method: 'PUT',
      path: path + query,
      headers: { 'content-type': BYTES },
      body: Readable.from(pieces, { objectMode: false }),
    })
    return this.#connection.read(body, dataEntrySchema)
  }

  /** Data that the node keeps, is bringing, or failed to bring. */
  data(options?: RequestOptions): Promise<DataEntry[]> {
    return this.#connection.call('data', {}, options)
  }

  /** Lets data go, or calls their arrival off. Throws `data.unknown`. */
  async removeData(name: string, options?: RequestOptions): Promise<void> {
    await this.#connection.call('removeData', { params: { name } }, options)
  }

  /** Everything that happens on the node, its present state first; survives a broken connection (see {@link follow}). */
  events(options?: FollowOptions): AsyncGenerator<NodeEvent, void, void> {
    return follow(this.#connection, this.#clock, options)
  }

  /** The nodes this one is connected to, and itself. */
  peers(options?: RequestOptions): Promise<PeerView[]> {
    return this.#connection.call('peers', {}, options)
  }

  /** Members of the cluster. */
  members(options?: RequestOptions): Promise<MemberView[]> {
    return this.#connection.call('members', {}, options)
  }

  /** Makes a ticket that others join with. Throws `charter.not-admin`. */
  invite(request?: InviteRequest, options?: RequestOptions): Promise<Invite> {
    return this.#connection.call('invite', { body: request }, options)
  }

  /** Names where members find the cluster. Throws `charter.not-admin`, `seeds.address`. */
  async setSeeds(addresses: readonly string[], options?: RequestOptions): Promise<void> {
    await this.#connection.call('setSeeds', { body: { addresses: [...addresses] } }, options)
  }

  /** Puts a member out of the cluster. Throws `charter.not-admin`, `member.unknown`. */
  async remove(peer: string, reason?: string, options?: RequestOptions): Promise<void> {
    await this.#connection.call('remove', { params: { peer }, body: { reason } }, options)
  }

  /** Nodes that wait for approval. */
  pending(options?: RequestOptions): Promise<PendingView[]> {
    return this.#connection.call('pending', {}, options)
  }

  /** Admits a waiting node. Throws `charter.not-admin`, `member.unknown`. */
  async approve(peer: string, options?: RequestOptions): Promise<void> {
    await this.#connection.call('approve', { params: { peer } }, options)
  }

  /** Leaves the cluster; the node stops. */
  async leave(options?: RequestOptions): Promise<void> {
    await this.#connection.call('leave', {}, options)
  }

  /** Takes nothing new and ends what runs. */
  async drain(options?: RequestOptions): Promise<void> {
    await this.#connection.call('drain', {}, options)
  }

  /** Drains, then stops the node. */
  async stop(options?: RequestOptions): Promise<void> {
    await this.#connection.call('stop', {}, options)
  }

  /** Waits for calls in progress and closes the connection. A client that is not closed keeps no process alive. */
  close(): Promise<void> {
    return this.#connection.close()
  }

  /** Closes it at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

// By its shape, because the table may come from the caller's own copy of the package.
function isTable(input: SourceSpec | Table): input is Table {
  return 'batches' in input && 'schema' in input
}

function absolute(request: JobRequest): JobRequest {
  const outputDir = request.outputDir !== undefined && { outputDir: resolve(request.outputDir) }
  const at = <T extends { readonly path: string }>(file: T): T => ({ ...file, path: resolve(file.path) })
  if (request.program === 'infer')
    return { ...request, model: resolve(request.model), input: at(request.input), ...outputDir }
  if (request.program === 'sweep') return { ...request, trainings: request.trainings.map(absoluteFiles), ...outputDir }
  return { ...request, ...absoluteFiles(request), ...outputDir }
}

/** The files of a training. */
function absoluteFiles<T extends TrainingFiles>(files: T): T {
  const at = <F extends { readonly path: string }>(file: F): F => ({ ...file, path: resolve(file.path) })
  const { model, state, frozen, data, evaluation, served } = files
  return {
    ...files,
    model: resolve(model),
    state: resolve(state),
    ...(frozen !== undefined && { frozen: resolve(frozen) }),
    ...(served !== undefined && { served: resolve(served) }),
    data: at(data),
    ...(evaluation && { evaluation: { ...evaluation, model: resolve(evaluation.model), data: at(evaluation.data) } }),
  }
}
