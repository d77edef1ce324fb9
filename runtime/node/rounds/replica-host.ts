import { type AividaError, abortable, type Clock, type Digest, limit, userError } from '../../base/index.ts'
import type { ChildSession } from '../../compute/engine/index.ts'
import { type StepSignature, stepSignatureOf } from '../../compute/graph/index.ts'
import {
  beginReplica,
  innerFile,
  type LiveReplica,
  mergeRounds,
  restoreInner,
  snapshotFile,
  trainSteps,
} from '../../compute/training/index.ts'
import type { BlobStore } from '../../data/blob/index.ts'
import type { RowTable } from '../../data/rows/index.ts'
import type { Trained, TrainingRun } from '../../job/worker/index.ts'
import { type Lease, lineageOf, type ReplicaShard, type Signed } from '../../protocol/index.ts'
import type { EngineHost } from '../engine-host.ts'
import type { ShardTables } from '../shard-tables.ts'
import type { RoundBlobs } from './round-blobs.ts'

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
  /** The shared state that each job's replica came to last. */
  readonly #lineages = new Map<string, Digest>()
  /** The shard of each job and device that is at work: there is one replica. */
  readonly #turns = new Map<string, Promise<unknown>>()
  readonly #signatures = new Map<Digest, StepSignature>()

  constructor(init: ReplicaHostInit) {
    this.#init = init
  }

  /** Whether a replica of a job may be in a child here. */
  holds(job: string): boolean {
    return this.#lineages.has(job)
  }

  /**
   * Brings here what a shard begins with. Throws `replica.lost` where the shard takes for granted what is not here, `blob.*`,
   * `grant.*`, `disk.*`.
   */
  async fetch(lease: Lease, shard: ReplicaShard, grant: Signed | undefined, signal: AbortSignal): Promise<void> {
    const { rounds } = this.#init
    const { state, frozen, replica } = shard
    const [submitter] = lease.providers as [string]
    if (replica.held && !chainOf(shard).includes(this.#lineages.get(lease.job) ?? ''))
      throw lost(shard, 'the shared state')
    if (replica.inner && !rounds.has(replica.inner)) throw lost(shard, 'its inner state')
    const updates = replica.updates.flat().map(({ update, at }) => ({ ref: update, from: [at] }))
    const files = replica.held
      ? []
      : [{ ref: state, from: [...replica.at, submitter] }, ...(frozen ? [{ ref: frozen, from: [submitter] }] : [])]
    await Promise.all([
      rounds.bring(updates, { lease, grant, signal }),
      rounds.bring(files, { lease, grant, signal, onDisk: true }),
    ])
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
    const signature = await this.#signatureOf(shard)
    const trained = await engines.lend(lease, PLACE, run.signal, ([session, model]) =>
      tables.lend(lease, shard, (table, validation) =>
        this.#round(session!, lease, shard, signature, {
          ...run,
          table,
          evaluation: model && validation && { model, table: validation },
        }),
      ),
    )
    const { replica, state, frozen } = shard
    const brought = replica.updates.flat().map(({ update }) => update)
    await rounds.letGo(lease.job, replica.held ? brought : [...brought, state, ...(frozen ? [frozen] : [])])
    return trained
  }

  async #round(
    session: ChildSession,
    lease: Lease,
    shard: ReplicaShard,
    signature: StepSignature,
    run: TrainingRun & { readonly table: RowTable; readonly evaluation: Evaluation },
  ): Promise<Trained> {
    const { clock, rounds } = this.#init
    const { signal, evaluation } = run
    const { replica, fromStep, steps } = shard
    const held = await this.#take(session, shard, signature, signal)
    const startMs = clock.monoMs()
    const done = chainOf(shard).indexOf(held.lineage)
    const later = { ...replica, updates: replica.updates.slice(done) }
    const shared = await mergeRounds(held, later, (blob) => rounds.read(blob), signal)
    const { evaluation: _, ...rest } = run
    const made = await trainSteps({ clock, shard, ...held, ...rest, ...(evaluation && { evaluation }) })
    const file = { ...held, step: fromStep + steps, signal }
    const updates = steps === 0 ? [] : await this.#contribution(held, shard, signal)
    const computeMs = clock.monoMs() - startMs
    const [state, ...refs] = await Promise.all([
      rounds.keep(steps === 0 ? snapshotFile(file) : innerFile(file), signal),
      ...updates.map((bytes) => rounds.keep([bytes], signal)),
    ])
    const lineage = chainOf(shard).at(-1)!
    this.#held.set(session, { ...held, lineage, inner: steps === 0 ? held.inner : state.blob })
    this.#lineages.delete(lease.job)
    this.#lineages.set(lease.job, lineage)
    if (this.#lineages.size > limit('jobsPerNode')) this.#lineages.delete(this.#lineages.keys().next().value as string)
    return { metrics: made.metrics, commitments: [shared, ...made.commitments], state, updates: refs, computeMs }
  }

  /** What the steps gave, by the mode of the rounds: a slice each. */
  async #contribution(held: Held, { replica }: ReplicaShard, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    const { slices: ends, compression, mode } = replica
    if (mode === 'local') return held.replica.contribute({ ends, compression }, signal)
    throw userError('train.mode', `expected rounds of local steps, found ${mode}; this node knows no others`)
  }

  /** The replica in the child, its inner state that of the shard: there already, or begun from files. */
  async #take(
    session: ChildSession,
    shard: ReplicaShard,
    signature: StepSignature,
    signal: AbortSignal,
  ): Promise<Held> {
    const { replica, state } = shard
    const found = this.#held.get(session)
    this.#held.delete(session)
    const fits = found && found.frozen === shard.frozen?.blob && chainOf(shard).includes(found.lineage)
    if (!fits && replica.held) throw lost(shard, 'the shared state')
    const held = fits ? found : await this.#begin(session, shard, signature, signal)
    const inner = replica.inner?.blob ?? state.blob
    if (held.inner === inner) return held
    await this.#reading(inner, shard, (file) => restoreInner(held, file, signal))
    return { ...held, inner }
  }

  #begin(session: ChildSession, shard: ReplicaShard, signature: StepSignature, signal: AbortSignal): Promise<Held> {
    const { state, frozen, replica } = shard
    const begun = async (files: Parameters<typeof beginReplica>[2]): Promise<Held> => ({
      ...(await beginReplica(session, signature, files, signal)),
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

  async #signatureOf({ model: { graph } }: ReplicaShard): Promise<StepSignature> {
    const known = this.#signatures.get(graph.blob)
    if (known) return known
    const signature = stepSignatureOf(await this.#init.blobs.readAll(graph.blob))
    this.#signatures.set(graph.blob, signature)
    if (this.#signatures.size > SIGNATURES) this.#signatures.delete(this.#signatures.keys().next().value as string)
    return signature
  }
}

/** Signatures of steps that are remembered: they are read from the model, and rounds are short. */
const SIGNATURES = 16

type Evaluation = Parameters<typeof trainSteps>[0]['evaluation']

/** The shared state that a shard's updates are applied to, then after each round of them. */
function chainOf({ replica: { lineage, updates } }: ReplicaShard): Digest[] {
  const chain = [lineage]
  for (const round of updates) chain.push(lineageOf(chain.at(-1)!, round))
  return chain
}

/** What a shard takes for granted is not here: offered again with all that it begins with, it will do. */
function lost({ replica: { round } }: ReplicaShard, what: string): AividaError {
  return userError(
    'replica.lost',
    `round ${round} goes on from a replica of which this node no longer has ${what}; offer the shard with the last snapshot and all rounds since`,
    { round },
  )
}
