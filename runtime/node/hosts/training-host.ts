import { type AividaError, type Clock, limit } from '../../base/index.ts'
import type { ChildSession, ChildTraining } from '../../compute/engine/index.ts'
import { type StepSignature, stepSignatureOf } from '../../compute/graph/index.ts'
import { stateFile, tensorsIn, trainSteps } from '../../compute/training/index.ts'
import type { BlobStore, OpenProvider } from '../../data/blob/index.ts'
import type { Trained, TrainingRun } from '../../job/worker/index.ts'
import { type BlobRef, isReplica, type Lease, type Signed, type TrainShard } from '../../protocol/index.ts'
import { ReplicaHost } from '../rounds/replica-host.ts'
import type { RoundBlobs } from '../rounds/round-blobs.ts'
import type { EngineHost } from './engine-host.ts'
import { jobPin, ShardTables } from './shard-tables.ts'

/** What the training host needs. */
export interface TrainingHostInit {
  readonly clock: Clock
  /** Models, states and tables, on disk. */
  readonly blobs: BlobStore
  readonly engines: EngineHost
  /** Opens a blob stream to a peer. */
  readonly provider: (peer: string) => OpenProvider
  /** Hears of a provider that lied. */
  readonly offended: (peer: string, error: AividaError) => void
  /** Under which name states are pinned until they are settled. */
  readonly keptAs: string
  readonly rounds: RoundBlobs
}

/** Where shards of training meet engines: state and rows brought here, steps run in a child, the new state kept. */
export class TrainingHost {
  readonly #init: TrainingHostInit
  readonly #tables: ShardTables
  readonly #replicas: ReplicaHost
  /** What a child holds: the next shard mostly begins with the state that the last one ended with. */
  readonly #held = new WeakMap<ChildSession, { readonly training: ChildTraining; readonly key: string }>()

  constructor(init: TrainingHostInit) {
    this.#init = init
    this.#tables = new ShardTables(init)
    this.#replicas = new ReplicaHost({ ...init, tables: this.#tables })
  }

  /** Brings a shard's state here; its rows come when they are read. Throws `blob.*`, `grant.*`, `disk.*`, `replica.lost`. */
  async fetch(lease: Lease, shard: TrainShard, grant: Signed | undefined, signal: AbortSignal): Promise<void> {
    const { engines, blobs, clock } = this.#init
    this.#tables.granted(lease.job, grant)
    if (isReplica(shard)) return this.#replicas.fetch(lease, shard, grant, signal)
    const { state, frozen } = shard
    for (const ref of frozen ? [state, frozen] : [state])
      await engines.fetch(ref, blobs, lease, grant, signal, { pin: jobPin(lease, clock) })
  }

  /** See `WorkerPorts.train`. */
  async train(lease: Lease, shard: TrainShard, slot: number, run: TrainingRun): Promise<Trained> {
    if (isReplica(shard)) return this.#replicas.train(lease, shard, run)
    const { clock, engines, blobs } = this.#init
    const { signal, onSteps } = run
    const signature = stepSignatureOf(await blobs.readAll(shard.model.graph.blob))
    return engines.lend(lease, slot, signal, ([step, model]) =>
      this.#tables.lend(lease, shard, async (table, validation) => {
        const training = await this.#training(step!, shard, signature, signal)
        this.#held.delete(step!)
        const startMs = clock.monoMs()
        const evaluation = model && validation && { model, table: validation }
        const init = { clock, shard, signature, training, table, signal, onSteps }
        const trained = await trainSteps({ ...init, ...(evaluation && { evaluation }) })
        const computeMs = clock.monoMs() - startMs
        const untilWallMs = Math.floor(clock.wallMs()) + limit('outputKeepMs')
        const content = stateFile(signature, training, shard.fromStep + shard.steps, signal)
        const state = await blobs.put(content, { signal, pin: { owner: this.#init.keptAs, untilWallMs } })
        this.#held.set(step!, { training, key: keyOf(state, shard) })
        await blobs.unpin(lease.job, shard.state.blob)
        return { ...trained, state, updates: [], computeMs }
      }),
    )
  }

  /** Whether the children of a job hold replicas, which another round will want. */
  holdsReplica(job: string): boolean {
    return this.#replicas.holds(job)
  }

  /** The state in the child: there already, or handed over from its file. */
  async #training(
    session: ChildSession,
    shard: TrainShard,
    signature: StepSignature,
    signal: AbortSignal,
  ): Promise<ChildTraining> {
    const held = this.#held.get(session)
    if (held?.key === keyOf(shard.state, shard)) return held.training
    const { blobs } = this.#init
    const state = await blobs.open(shard.state.blob)
    const frozen = shard.frozen && (await blobs.open(shard.frozen.blob))
    try {
      const init = {
        state: await tensorsIn(state, signature.state),
        frozen: frozen ? await tensorsIn(frozen, signature.frozen) : [],
        metrics: signature.metrics,
      }
      return await session.train(init, signal)
    } finally {
      await state.close()
      await frozen?.close()
    }
  }
}

/** What a training holds in a child. */
function keyOf(state: BlobRef, { frozen }: TrainShard): string {
  return `${state.blob}/${frozen?.blob ?? ''}`
}
