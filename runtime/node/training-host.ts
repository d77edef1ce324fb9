import { type AividaError, type Clock, limit } from '../base/index.ts'
import type { ChildSession, ChildTraining } from '../compute/engine/index.ts'
import { type StepSignature, stepSignatureOf } from '../compute/graph/index.ts'
import { stateFile, tensorsIn, trainSteps } from '../compute/training/index.ts'
import { type BlobStore, type OpenProvider, openLazyBlob } from '../data/blob/index.ts'
import { type RowTable, storedTable } from '../data/rows/index.ts'
import type { Trained, TrainingRun } from '../job/worker/index.ts'
import {
  type BlobRef,
  type Lease,
  type RowRange,
  type Signed,
  signedCodec,
  type TrainShard,
} from '../protocol/index.ts'
import type { EngineHost } from './engine-host.ts'
import { OpenTables } from './open-tables.ts'

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
}

/** What a state or a table was brought here for is pinned this long: a lease that is called off leaves it behind. */
const PIN_MS = 60 * 60_000

/** Where shards of training meet engines: state and rows brought here, steps run in a child, the new state kept. */
export class TrainingHost {
  readonly #init: TrainingHostInit
  readonly #tables: OpenTables
  /** What a child holds: the next shard mostly begins with the state that the last one ended with. */
  readonly #held = new WeakMap<ChildSession, { readonly training: ChildTraining; readonly key: string }>()
  /** The grant of each job that holds now: rows come when they are read. */
  readonly #grants = new Map<string, Signed>()

  constructor(init: TrainingHostInit) {
    this.#init = init
    this.#tables = new OpenTables(init.clock)
  }

  /** Brings a shard's state here; its rows come when they are read. Gives no bytes. Throws `blob.*`, `grant.*`, `disk.*`. */
  async fetch(
    lease: Lease,
    { state, frozen }: TrainShard,
    grant: Signed | undefined,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { engines, blobs } = this.#init
    this.#grants.delete(lease.job)
    if (grant) this.#grants.set(lease.job, grant)
    if (this.#grants.size > limit('jobsPerNode')) this.#grants.delete(this.#grants.keys().next().value as string)
    for (const ref of frozen ? [state, frozen] : [state])
      await engines.fetch(ref, blobs, lease, grant, signal, { pin: this.#pin(lease) })
    return new Uint8Array()
  }

  /** See `WorkerPorts.train`. */
  async train(lease: Lease, shard: TrainShard, slot: number, { signal, onSteps }: TrainingRun): Promise<Trained> {
    const { clock, engines, blobs } = this.#init
    const signature = stepSignatureOf(await blobs.readAll(shard.model.graph.blob))
    return engines.lend(lease, slot, signal, ([step, model]) =>
      this.#withTables(lease, shard, signal, async (table, validation) => {
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
        return { ...trained, state, computeMs }
      }),
    )
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

  #withTables<T>(
    lease: Lease,
    { data, evaluation }: TrainShard,
    signal: AbortSignal,
    work: (table: RowTable, validation: RowTable | undefined) => Promise<T>,
  ): Promise<T> {
    const lend = ({ table }: RowRange, use: (table: RowTable) => Promise<T>) =>
      this.#tables.lend(lease.job, table.blob, () => this.#openTable(lease, table), use)
    signal.throwIfAborted()
    return lend(data, (table) =>
      evaluation ? lend(evaluation.data, (validation) => work(table, validation)) : work(table, undefined),
    )
  }

  /** A table of which only what is read comes here. */
  async #openTable(lease: Lease, { blob, sizeBytes }: BlobRef): Promise<RowTable> {
    const { clock, blobs: store, provider, offended } = this.#init
    const { job } = lease
    const bytes = await openLazyBlob({
      root: blob,
      ...{ sizeBytes, store, clock, offended },
      providers: [provider(lease.providers[0]!)],
      pin: this.#pin(lease),
      grant: () => {
        const grant = this.#grants.get(job)
        return grant && signedCodec.encode(grant)
      },
    })
    return storedTable(bytes, { identity: blob })
  }

  #pin({ job }: Lease) {
    return { owner: job, untilWallMs: Math.floor(this.#init.clock.wallMs()) + PIN_MS }
  }
}

/** What a training holds in a child. */
function keyOf(state: BlobRef, { frozen }: TrainShard): string {
  return `${state.blob}/${frozen?.blob ?? ''}`
}
