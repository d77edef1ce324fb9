import {
  type AividaError,
  abortable,
  aborted,
  type Clock,
  type Digest,
  isAividaError,
  limit,
  peerError,
  userError,
} from '../../base/index.ts'
import type { ChildSession } from '../../compute/engine/index.ts'
import {
  gradientSignatureOf,
  type StepSignature,
  stepSignatureOf,
  updateSignatureOf,
} from '../../compute/graph/index.ts'
import {
  beginReplica,
  fileBytes,
  innerFile,
  type JoinedStep,
  joined,
  type LiveReplica,
  mergeRounds,
  restoreInner,
  snapshotFile,
  trainSteps,
  updateScalars,
} from '../../compute/training/index.ts'
import type { BlobStore } from '../../data/blob/index.ts'
import type { RowTable } from '../../data/rows/index.ts'
import type { Trained, TrainingRun } from '../../job/worker/index.ts'
import { type BlobRef, type Lease, lineageOf, type ReplicaShard, type Signed } from '../../protocol/index.ts'
import type { EngineHost } from '../hosts/engine-host.ts'
import type { ShardTables } from '../hosts/shard-tables.ts'
import type { RoundBlobs, SoughtBlob } from './round-blobs.ts'

/** What the replica host needs. */
export interface ReplicaHostInit {
  readonly clock: Clock
  /** Models. */
  readonly blobs: BlobStore
  readonly engines: EngineHost
  readonly tables: ShardTables
  readonly rounds: RoundBlobs
}

/** A replica in a child, and what it is. */
interface Held extends LiveReplica {
  readonly frozen: Digest | undefined
  /** Names the shared state. */
  readonly lineage: Digest
  /** The file that its inner state is in: one of its own, or the state that it began with. */
  readonly inner: Digest
}

/** An inner state that is in no file. */
const UNNAMED = ''
/** Steps that were called off may end this long by themselves, which leaves the replica in its child. */
const GRACE_MS = 1_000

/** Where on a device a job's replica is: whichever slot its shards are given. */
const PLACE = 'replica'

/**
 * Training shards of rounds: brings the one replica that this node has of a job's model to where the rounds have led, has it
 * learn, and keeps what it gives.
 */
export class ReplicaHost {
  readonly #init: ReplicaHostInit
  /** What children hold. A replica at work is not among them: what breaks off leaves it in no state that has a name. */
  readonly #held = new WeakMap<ChildSession, Held>()
  /** Jobs that had a replica in a child here, the latest last. */
  readonly #jobs = new Set<string>()
  /** The shard of each job and device that is at work: there is one replica. */
  readonly #turns = new Map<string, Promise<unknown>>()
  readonly #steps = new Map<string, ReplicaStep>()

  constructor(init: ReplicaHostInit) {
    this.#init = init
  }

  /** Whether a replica of a job may be in a child here. */
  holds(job: string): boolean {
    return this.#jobs.has(job)
  }

  /**
   * Brings here what a shard begins with. Throws `replica.lost` where the shard takes for granted what is not here,
   * `update.aggregate` for what a round came to and nobody gives (the message begins with who reduced it), `blob.*`,
   * `grant.*`, `disk.*`.
   */
  async fetch(lease: Lease, shard: ReplicaShard, grant: Signed | undefined, signal: AbortSignal): Promise<void> {
    const { rounds } = this.#init
    const { state, frozen, replica } = shard
    const [submitter] = lease.providers as [string]
    if (replica.inner && !rounds.has(replica.inner)) {
      if (replica.held) throw lost(shard, 'its inner state')
      await this.#bringFirst(lease, shard, replica.inner, grant, signal)
    }
    const updates = replica.updates.flat().map(({ update, at }) => ({ ref: update, from: [at] }))
    const files = replica.held
      ? []
      : [{ ref: state, from: [...replica.at, submitter] }, ...(frozen ? [{ ref: frozen, from: [submitter] }] : [])]
    await Promise.all([
      rounds.bring(updates, { lease, grant, signal, told: unobtainable }),
      rounds.bring(files, { lease, grant, signal, onDisk: true }),
    ])
  }

  /** An inner state that is not here may be what the training began with: the submitter has that one, and no other. */
  async #bringFirst(
    lease: Lease,
    shard: ReplicaShard,
    ref: BlobRef,
    grant: Signed | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const [submitter] = lease.providers as [string]
    try {
      await this.#init.rounds.bring([{ ref, from: [submitter] }], { lease, grant, signal, onDisk: true })
    } catch (error) {
      if (isAividaError(error, 'blob.not-found')) throw lost(shard, 'its inner state')
      throw error
    }
  }

  /** See `WorkerPorts.train`. One shard of a job at a time; the others wait for their turn. */
  async train(lease: Lease, shard: ReplicaShard, run: TrainingRun): Promise<Trained> {
    const key = `${lease.job}/${lease.device}`
    const before = this.#turns.get(key)
    const training = this.#afterwards(before, run.signal, () => this.#train(lease, shard, run))
    const settled = Promise.all([before, training.catch(() => {})])
    this.#turns.set(key, settled)
    try {
      return await training
    } finally {
      if (this.#turns.get(key) === settled) this.#turns.delete(key)
    }
  }

  async #afterwards<T>(before: Promise<unknown> | undefined, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (before) await abortable(before, signal)
    return work()
  }

  async #train(lease: Lease, shard: ReplicaShard, run: TrainingRun): Promise<Trained> {
    const { engines, tables, rounds } = this.#init
    const step = await this.#stepOf(shard)
    const trained = await engines.lend(lease, PLACE, run.signal, ([session, ...others]) => {
      const model = shard.evaluation && others[0]
      const loaded = { ...step, session: session!, update: others[model ? 1 : 0] }
      return tables.lend(lease, shard, (table, validation) =>
        this.#round(loaded, lease, shard, {
          ...run,
          table,
          evaluation: model && validation && { model, table: validation },
        }),
      )
    })
    const { replica, state, frozen } = shard
    const brought = replica.updates.flat().map(({ update }) => update)
    // its own inner state is kept for another reason than the job's, so that only a brought one goes
    const files = [state, ...(frozen ? [frozen] : []), ...(replica.inner ? [replica.inner] : [])]
    await rounds.letGo(lease.job, replica.held ? brought : [...brought, ...files])
    return trained
  }

  async #round(
    step: LoadedStep,
    lease: Lease,
    shard: ReplicaShard,
    run: TrainingRun & { readonly table: RowTable; readonly evaluation: Evaluation },
  ): Promise<Trained> {
    const { clock } = this.#init
    const grace = withGrace(clock, run.signal)
    try {
      return await this.#learn(step, lease, shard, { ...run, signal: grace.signal, calledOff: run.signal })
    } finally {
      grace.clear()
    }
  }

  async #learn(
    step: LoadedStep,
    lease: Lease,
    shard: ReplicaShard,
    run: TrainingRun & {
      readonly table: RowTable
      readonly evaluation: Evaluation
      /** Ends the steps; `signal`, a moment later, the child. */
      readonly calledOff: AbortSignal
    },
  ): Promise<Trained> {
    const { clock, rounds } = this.#init
    const { signal, evaluation, calledOff } = run
    const { replica, fromStep, steps } = shard
    const lineage = chainOf(shard).at(-1)!
    const held = await this.#take(step, shard, signal)
    const startMs = clock.monoMs()
    const done = chainOf(shard).indexOf(held.lineage)
    const scalars = step.joined && { scalars: updateScalars(step.joined, shard).slice(done) }
    const later = { ...replica, updates: replica.updates.slice(done), ...scalars }
    const shared = await mergeRounds(held, later, (blob) => rounds.read(blob), signal)
    const { evaluation: _, ...rest } = run
    const made = await trainSteps({ clock, shard, ...held, ...rest, ...(evaluation && { evaluation }) })
      .then((trained) => {
        if (calledOff.aborted) throw aborted(undefined, calledOff.reason)
        return trained
      })
      .catch((error) => {
        // What the steps changed is undone where the next shard goes on from an inner state of its own.
        if (isAividaError(error, 'aborted') && !signal.aborted)
          this.#hold(step.session, lease, { ...held, lineage, inner: UNNAMED })
        throw error
      })
    const { slices: ends, compression } = replica
    const file = { ...held, compression, step: fromStep + steps, signal }
    const updates = steps === 0 ? [] : await held.replica.contribute({ ends, compression }, signal)
    const computeMs = clock.monoMs() - startMs
    const [state, ...refs] = await Promise.all([
      steps === 0
        ? rounds.keep(snapshotFile(file), fileBytes(held, 'snapshot'), signal, 'now')
        : rounds.keep(innerFile(file), fileBytes(held, 'inner'), signal, 'soon'),
      ...updates.map((bytes) => rounds.keep([bytes], bytes.byteLength, signal, 'no')),
    ])
    this.#hold(step.session, lease, { ...held, lineage, inner: steps === 0 ? held.inner : state.blob })
    return { metrics: made.metrics, commitments: [shared, ...made.commitments], state, updates: refs, computeMs }
  }

  /** The child holds it from here on. */
  #hold(session: ChildSession, { job }: Lease, held: Held): void {
    this.#held.set(session, held)
    this.#jobs.delete(job)
    this.#jobs.add(job)
    if (this.#jobs.size > limit('jobsPerNode')) this.#jobs.delete(this.#jobs.values().next().value as string)
  }

  /** The replica in the child, its inner state that of the shard: there already, or begun from files. */
  async #take(step: LoadedStep, shard: ReplicaShard, signal: AbortSignal): Promise<Held> {
    const { replica, state } = shard
    const found = this.#held.get(step.session)
    this.#held.delete(step.session)
    const fits = found && found.frozen === shard.frozen?.blob && chainOf(shard).includes(found.lineage)
    if (!fits && replica.held) throw lost(shard, 'the shared state')
    const held = fits ? found : await this.#begin(step, shard, signal)
    const inner = replica.inner?.blob ?? state.blob
    if (held.inner === inner) return held
    await this.#reading(inner, shard, (file) => restoreInner(held, file, signal))
    return { ...held, inner }
  }

  #begin({ session, update, signature, joined }: LoadedStep, shard: ReplicaShard, signal: AbortSignal): Promise<Held> {
    const { state, frozen, replica } = shard
    const sessions = { session, ...(joined && update && { split: { ...joined.split, update } }) }
    const begun = async (files: Parameters<typeof beginReplica>[2]): Promise<Held> => ({
      ...(await beginReplica(sessions, signature, files, signal)),
      ...{ frozen: frozen?.blob, lineage: replica.lineage, inner: state.blob },
    })
    return this.#reading(state.blob, shard, (file) =>
      frozen
        ? this.#reading(frozen.blob, shard, (fixed) => begun({ state: file, frozen: fixed }))
        : begun({ state: file }),
    )
  }

  async #reading<T>(
    blob: Digest,
    shard: ReplicaShard,
    work: (file: Awaited<ReturnType<RoundBlobs['open']>>) => Promise<T>,
  ): Promise<T> {
    const { rounds } = this.#init
    if (!rounds.has({ blob, sizeBytes: 0 })) throw lost(shard, 'its inner state')
    const file = await rounds.open(blob)
    try {
      return await work(file)
    } finally {
      await file.close()
    }
  }

  async #stepOf({ model, replica: { mode, update } }: ReplicaShard): Promise<ReplicaStep> {
    const { blobs } = this.#init
    if ((mode === 'gradient') !== (update !== undefined))
      throw userError(
        'train.mode',
        'expected an update with rounds of gradients and with no others: a step in two parts',
      )
    const key = `${model.graph.blob}/${update?.graph.blob ?? ''}`
    const known = this.#steps.get(key)
    if (known) return known
    const graph = await blobs.readAll(model.graph.blob)
    const step: ReplicaStep = update
      ? halves(graph, await blobs.readAll(update.graph.blob))
      : { signature: stepSignatureOf(graph), joined: undefined }
    this.#steps.set(key, step)
    if (this.#steps.size > STEPS) this.#steps.delete(this.#steps.keys().next().value as string)
    return step
  }
}

/** What a replica runs, as its files say. */
interface ReplicaStep {
  readonly signature: StepSignature
  /** When it is in two parts. */
  readonly joined: JoinedStep | undefined
}

/** A {@link ReplicaStep} in a child. */
interface LoadedStep extends ReplicaStep {
  readonly session: ChildSession
  /** The second part. */
  readonly update: ChildSession | undefined
}

function halves(gradient: Uint8Array, update: Uint8Array): ReplicaStep {
  const step = joined(gradientSignatureOf(gradient), updateSignatureOf(update))
  return { signature: step.signature, joined: step }
}

/** Steps that are remembered: they are read from the models, and rounds are short. */
const STEPS = 16

type Evaluation = Parameters<typeof trainSteps>[0]['evaluation']

/** The shared state that a shard's updates are applied to, then after each round of them. */
function chainOf({ replica: { lineage, updates } }: ReplicaShard): Digest[] {
  const chain = [lineage]
  for (const round of updates) chain.push(lineageOf(chain.at(-1)!, round))
  return chain
}

/** A signal that fires some time after another one, unless it is cleared. */
function withGrace(clock: Clock, signal: AbortSignal): { readonly signal: AbortSignal; clear(): void } {
  const controller = new AbortController()
  let cancel = () => {}
  const onAbort = () => {
    cancel = clock.after(GRACE_MS, () => controller.abort(signal.reason))
  }
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  return {
    signal: controller.signal,
    clear() {
      signal.removeEventListener('abort', onAbort)
      cancel()
    },
  }
}

/** Whoever reduced it does not give it. What is this node's own trouble stays that. */
function unobtainable(error: unknown, { from: [at] }: SoughtBlob): unknown {
  if (!isAividaError(error) || !/^(blob\.|grant\.)/.test(error.code)) return error
  return peerError('update.aggregate', `${at} does not give what it reduced: ${error.message}`, {
    at,
    cause: error.code,
  })
}

/** What a shard takes for granted is not here: offered again with all that it begins with, it will do. */
function lost({ replica: { round } }: ReplicaShard, what: string): AividaError {
  return userError(
    'replica.lost',
    `round ${round} goes on from a replica of which this node no longer has ${what}; offer the shard with the last snapshot and all rounds since`,
    { round },
  )
}
