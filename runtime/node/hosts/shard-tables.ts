import type { AividaError, Clock } from '../../base/index.ts'
import { limit } from '../../base/index.ts'
import { type BlobStore, type OpenProvider, openLazyBlob } from '../../data/blob/index.ts'
import { type RowTable, storedTable } from '../../data/rows/index.ts'
import {
  type BlobRef,
  type Lease,
  type RowRange,
  type Signed,
  signedCodec,
  type TrainShard,
} from '../../protocol/index.ts'
import { OpenTables } from './open-tables.ts'

/** What {@link ShardTables} need. */
export interface ShardTablesInit {
  readonly clock: Clock
  readonly blobs: BlobStore
  /** Opens a blob stream to a peer. */
  readonly provider: (peer: string) => OpenProvider
  /** Hears of a provider that lied. */
  readonly offended: (peer: string, error: AividaError) => void
}

/** What a state or a table was brought here for is pinned this long: a lease that is called off leaves it behind. */
const PIN_MS = 60 * 60_000

/** The pin of what is here for a job's shards. */
export function jobPin({ job }: Pick<Lease, 'job'>, clock: Pick<Clock, 'wallMs'>) {
  return { owner: job, untilWallMs: Math.floor(clock.wallMs()) + PIN_MS }
}

/** The rows of training shards: they stay where they are until they are read, and come under the job's newest grant. */
export class ShardTables {
  readonly #init: ShardTablesInit
  readonly #tables: OpenTables
  /** The grant of each job that holds now. */
  readonly #grants = new Map<string, Signed>()

  constructor(init: ShardTablesInit) {
    this.#init = init
    this.#tables = new OpenTables(init.clock)
  }

  /** Keeps the newest grant of a job. */
  granted(job: string, grant: Signed | undefined): void {
    this.#grants.delete(job)
    if (grant) this.#grants.set(job, grant)
    if (this.#grants.size > limit('jobsPerNode')) this.#grants.delete(this.#grants.keys().next().value as string)
  }

  /** Lends the rows that a shard learns from, and those that it is measured on. */
  lend<T>(
    lease: Lease,
    { data, evaluation }: Pick<TrainShard, 'data' | 'evaluation'>,
    work: (table: RowTable, validation: RowTable | undefined) => Promise<T>,
  ): Promise<T> {
    const lend = ({ table }: RowRange, use: (table: RowTable) => Promise<T>) =>
      this.#tables.lend(lease.job, table.blob, () => this.#open(lease, table), use)
    return lend(data, (table) =>
      evaluation ? lend(evaluation.data, (validation) => work(table, validation)) : work(table, undefined),
    )
  }

  /** A table of which only what is read comes here. */
  async #open(lease: Lease, { blob, sizeBytes }: BlobRef): Promise<RowTable> {
    const { clock, blobs: store, provider, offended } = this.#init
    const { job } = lease
    const bytes = await openLazyBlob({
      root: blob,
      ...{ sizeBytes, store, clock, offended },
      providers: [provider(lease.providers[0]!)],
      pin: jobPin(lease, clock),
      grant: () => {
        const grant = this.#grants.get(job)
        return grant && signedCodec.encode(grant)
      },
    })
    return storedTable(bytes, { identity: blob })
  }
}
