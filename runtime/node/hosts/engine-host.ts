import { availableParallelism } from 'node:os'
import {
  type AividaError,
  type Clock,
  canonicalBytes,
  type Logger,
  limit,
  type Random,
  sha256,
  userError,
} from '../../base/index.ts'
import {
  type ChildSession,
  type ChildSettings,
  EngineChild,
  type EngineChildInit,
  EnginePool,
  type LentEngine,
  type LoadOptions,
  type ModelSource,
  type ReducedSlice,
  type RunResult,
  type SliceReduction,
} from '../../compute/engine/index.ts'
import {
  type BlobStore,
  type FetchOptions,
  fetchBlob,
  type OpenBlob,
  type OpenProvider,
} from '../../data/blob/index.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import type { Computed } from '../../job/worker/index.ts'
import {
  type BlobRef,
  type Lease,
  type ModelRef,
  modelsOf,
  type ShardSpec,
  type Signed,
  signedCodec,
} from '../../protocol/index.ts'
import { SharedWork } from './shared-work.ts'

/** What the engine host needs. */
export interface EngineHostInit {
  readonly clock: Clock
  readonly logger: Logger
  readonly memoryBytes: number
  readonly threads: number
  /** Models, on disk. */
  readonly models: BlobStore
  /** Opens a blob stream to a peer. */
  readonly provider: (peer: string) => OpenProvider
  readonly random: Random
  /** Whether models are fetched from co-workers, too. */
  readonly coWorkers: boolean
  /** Hears of a provider that lied. */
  readonly offended: (peer: string, error: AividaError) => void
  /** What a device of this node is to engines, by its id. Default: what the engine computes on by itself. */
  readonly deviceOptions?: (device: string) => Pick<LoadOptions, 'provider' | 'deviceIndex'>
  /** What its children are started with. Default: nothing. */
  readonly engine?: Omit<ChildSettings, 'memoryBytes'>
  /** Starts an engine's process. Default: a real one. */
  readonly spawn?: EngineChildInit['spawn']
}

/** The next empty child is started once nothing has been computed for this long, so that no job pays for it ... */
const SPARE_WHEN_IDLE_MS = 500
/** ... and after this at the latest. */
const SPARE_AT_LAST_MS = 60_000
/** Children without work that stay warm: enough for every slot of a job or two. */
const MAX_IDLE = availableParallelism() + 1
/** Children of a job without leases stay warm this long ... */
const IDLE_MS = 15_000
/** ... or this long where they hold a replica: between two rounds it waits for other members, at the pace of their lines. */
const REPLICA_IDLE_MS = 5 * 60_000
/** A model goes on arriving this long after the last lease that wanted it was called off. */
const MODEL_LINGER_MS = 5_000
/** A fetched model is kept at least this long after its last use. */
const MODEL_PIN_MS = 60 * 60_000

/** Where leases meet engines: brings models here, and runs shards in the children of this node's slots. */
export class EngineHost {
  readonly #init: EngineHostInit
  readonly #pool: EnginePool
  readonly #idle = new Map<string, () => void>()
  /** Until when the model of a job is pinned here, by job and model: a job brings one model to many leases. */
  readonly #pinned = new Map<string, number>()
  /** Models on their way here. */
  readonly #fetching = new Map<string, SharedWork<void>>()
  #computing = 0
  /** Starts the next empty child, when one is wanted. */
  #prepare: (() => void) | undefined

  constructor(init: EngineHostInit) {
    this.#init = init
    this.#pool = new EnginePool({
      maxIdle: MAX_IDLE,
      later: (prepare) => {
        this.#prepare = prepare
        init.clock.after(SPARE_AT_LAST_MS, () => this.#prepareSpare())
      },
      start: () =>
        new EngineChild({
          clock: init.clock,
          memoryBytes: init.memoryBytes,
          ...(init.engine && { settings: init.engine }),
          ...(init.spawn && { spawn: init.spawn }),
        }),
    })
  }

  /**
   * Brings a lease's graph and weights here: once for all leases of a job, and on for a moment after the last of them was
   * called off, since a job that has shards elsewhere mostly has others for this worker. Throws `blob.*`, `grant.*`,
   * `disk.*`, `aborted`.
   */
  async fetchModel(lease: Lease, grant: Signed | undefined, signal: AbortSignal): Promise<void> {
    const { models, clock } = this.#init
    const refs = modelsOf(lease.spec)
    const key = `${lease.job}/${lease.providers[0]}/${refs.map(modelDigest).join('+')}`
    const isHere = refs.flatMap(filesOf).every(({ blob }) => models.has(blob))
    if (isHere && (this.#pinned.get(key) ?? 0) - clock.wallMs() > MODEL_PIN_MS / 2) return
    const underWay = this.#fetching.get(key)
    await (underWay && !underWay.over ? underWay : this.#begin(key, lease, grant)).join(signal)
  }

  #begin(key: string, lease: Lease, grant: Signed | undefined): SharedWork<void> {
    const fetching: SharedWork<void> = new SharedWork(this.#init.clock, MODEL_LINGER_MS, (over) =>
      this.#bring(key, lease, grant, over).finally(() => {
        if (this.#fetching.get(key) === fetching) this.#fetching.delete(key)
      }),
    )
    this.#fetching.set(key, fetching)
    return fetching
  }

  async #bring(key: string, lease: Lease, grant: Signed | undefined, signal: AbortSignal): Promise<void> {
    const { models, clock, coWorkers, provider: reach, random } = this.#init
    const untilWallMs = Math.floor(clock.wallMs()) + MODEL_PIN_MS
    const known = lease.providers.slice(1)
    for (const ref of modelsOf(lease.spec).flatMap(filesOf))
      await this.fetch(ref, models, lease, grant, signal, {
        pin: { owner: lease.job, untilWallMs },
        ...(coWorkers && { coWorkers: { known, reach, random } }),
      })
    this.#pinned.delete(key)
    this.#pinned.set(key, untilWallMs)
    if (this.#pinned.size > limit('jobsPerNode')) this.#pinned.delete(this.#pinned.keys().next().value as string)
  }

  /** Brings a blob of a lease into a store, from the submitter. Throws as {@link fetchModel} does. */
  async fetch(
    { blob, sizeBytes }: BlobRef,
    store: BlobStore,
    { providers: [submitter] }: Lease,
    grant: Signed | undefined,
    signal: AbortSignal,
    more: Pick<FetchOptions, 'pin' | 'coWorkers'> = {},
  ): Promise<void> {
    const { clock, provider, offended } = this.#init
    await fetchBlob({
      root: blob,
      sizeBytes,
      providers: [provider(submitter!)],
      ...{ store, clock, signal, offended, ...more },
      ...(grant && { grant: signedCodec.encode(grant) }),
    })
  }

  /** Runs shards of one job and model on one slot, in one call. Throws `engine.*`, `model.*`, `aborted`. */
  async compute(
    leases: readonly Lease[],
    slot: number,
    inputs: readonly NamedTensors[],
    signal: AbortSignal,
  ): Promise<Computed> {
    const { clock } = this.#init
    return this.lend(leases[0]!, slot, signal, async ([session]) => {
      const startMs = clock.monoMs()
      const results = await session!.runAll(inputs, { signal })
      const computeMs = clock.monoMs() - startMs
      return { results: results.map((result, i) => pick(result, outputsOf(leases[i]!.spec))), computeMs }
    })
  }

  /** Makes one update of several in the child of a slot. Throws `update.*`, `engine.*`, `aborted`. */
  reduce(lease: Lease, slot: number, slice: SliceReduction, signal: AbortSignal): Promise<ReducedSlice> {
    return this.lend(lease, slot, signal, (_, child) => child.reduce(slice, signal))
  }

  /**
   * Lends the child of a job and slot, or of another place on the device, with a session of each model of the lease. Throws `engine.*`, `model.*`, `aborted`, and
   * what `work` throws; a child that this killed is replaced.
   */
  async lend<T>(
    { job, device, spec }: Lease,
    slot: number | string,
    signal: AbortSignal,
    work: (sessions: readonly ChildSession[], child: Pick<LentEngine, 'reduce'>) => Promise<T>,
  ): Promise<T> {
    const { clock, threads, deviceOptions } = this.#init
    this.#idle.get(job)?.()
    const lent = this.#pool.acquire({ job, slot: `${device}/${slot}` })
    const opened: OpenBlob[] = []
    this.#computing++
    try {
      const sessions: ChildSession[] = []
      for (const model of modelsOf(spec)) {
        const source = () => this.#open(model, opened)
        sessions.push(await lent.session(modelDigest(model), source, { ...deviceOptions?.(device), threads, signal }))
      }
      const result = await work(sessions, lent)
      lent.release()
      return result
    } catch (error) {
      if (lent.alive) lent.release()
      else await lent.discard()
      throw error
    } finally {
      for (const blob of opened) await blob.close()
      if (--this.#computing === 0)
        clock.after(SPARE_WHEN_IDLE_MS, () => {
          if (this.#computing === 0) this.#prepareSpare()
        })
    }
  }

  #prepareSpare(): void {
    this.#prepare?.()
    this.#prepare = undefined
  }

  /** A job has no lease here: its children go unless it comes back soon; those with a replica are waited for longer. */
  jobIdle(job: string, { replica = false } = {}): void {
    this.#idle.get(job)?.()
    const cancel = this.#init.clock.after(replica ? REPLICA_IDLE_MS : IDLE_MS, () => {
      this.#idle.delete(job)
      this.#pool.retire(job).catch((error) => this.#init.logger.warn({ job, error: String(error) }, 'children stayed'))
    })
    this.#idle.set(job, () => {
      cancel()
      this.#idle.delete(job)
    })
  }

  async stop(): Promise<void> {
    for (const cancel of [...this.#idle.values()]) cancel()
    for (const fetching of this.#fetching.values()) fetching.stop()
    await this.#pool.stop()
  }

  /** The model's files as descriptors, to be closed once it is loaded. */
  async #open({ graph, weights }: ModelRef, opened: OpenBlob[]): Promise<ModelSource> {
    const open = async ({ blob }: BlobRef) => {
      const file = await this.#init.models.open(blob)
      opened.push(file)
      return file.file ? { fd: file.file.fd } : file.read(0, file.sizeBytes)
    }
    const source: ModelSource = { graph: await open(graph) }
    if (weights.length === 0) return source
    return {
      ...source,
      weights: Object.fromEntries(await Promise.all(weights.map(async (w) => [w.name, await open(w)]))),
    }
  }
}

/** Graph and weights. */
function filesOf({ graph, weights }: ModelRef): BlobRef[] {
  return [graph, ...weights]
}

/** One name for a graph and its weights. */
function modelDigest(model: ModelRef): string {
  return model.weights.length === 0 ? model.graph.blob : sha256(canonicalBytes(model))
}

/** The graph outputs that a shard keeps; none: all. */
function outputsOf(spec: ShardSpec): readonly string[] {
  return spec.kind === 'infer' ? spec.outputs : []
}

function pick(result: RunResult, names: readonly string[]): RunResult {
  if ('error' in result || names.length === 0) return result
  const { outputs } = result
  const missing = names.find((name) => !outputs[name])
  if (missing !== undefined)
    return {
      error: userError(
        'model.no-output',
        `the model has no output ${missing}; it has ${Object.keys(outputs).join(', ')}`,
      ),
    }
  return { outputs: Object.fromEntries(names.map((name) => [name, outputs[name]!])) }
}
