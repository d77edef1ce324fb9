import { type AividaError, type Clock, isAividaError, peerError } from '../../base/index.ts'
import type { NamedTensors, Tensor } from '../../data/tensor/index.ts'
import type { Trained } from '../../job/worker/index.ts'
import type { Lease, ReduceShard, Signed } from '../../protocol/index.ts'
import type { EngineHost } from '../hosts/engine-host.ts'
import type { RoundBlobs } from './round-blobs.ts'

/** What the reduce host needs. */
export interface ReduceHostInit {
  readonly clock: Clock
  readonly engines: EngineHost
  readonly rounds: RoundBlobs
}

/** How what a slice is made of came here. */
interface Brought {
  readonly fetchMs: number
  readonly bytes: number
}

/** Aggregation of slices: brings the contributions of members here, has a child make one update of them, and keeps it. */
export class ReduceHost {
  readonly #init: ReduceHostInit
  readonly #brought = new WeakMap<Lease, Brought>()

  constructor(init: ReduceHostInit) {
    this.#init = init
  }

  /** Brings contributions here. Throws `update.contribution` for one that nobody gives, `blob.*`, `grant.*`, `disk.*`. */
  async fetch(lease: Lease, shard: ReduceShard, grant: Signed | undefined, signal: AbortSignal): Promise<void> {
    const { rounds, clock } = this.#init
    const how = { lease, grant, signal }
    const startMs = clock.monoMs()
    const { contributions, residual } = shard
    const brought = await Promise.all([
      ...contributions.map(({ member, update, at }) =>
        rounds.bring([{ ref: update, from: [at] }], how).catch((error) => {
          throw unreachable(member, at, error)
        }),
      ),
      ...(residual ? [rounds.bring([{ ref: residual.update, from: [residual.at] }], how)] : []),
    ])
    const bytes = brought.reduce((sum, each) => sum + each, 0)
    this.#brought.set(lease, { fetchMs: clock.monoMs() - startMs, bytes })
  }

  /** See `WorkerPorts.reduce`. */
  async reduce(lease: Lease, shard: ReduceShard, slot: number, signal: AbortSignal): Promise<Trained> {
    const { rounds, engines, clock } = this.#init
    const { contributions, residual, length, plain, aggregation, compressed, compression } = shard
    const read = (await Promise.all(contributions.map(({ update }) => rounds.read(update.blob)))).entries()
    const left = residual && (await rounds.read(residual.update.blob))
    const startMs = clock.monoMs()
    const reduced = await engines.reduce(
      lease,
      slot,
      {
        contributions: Array.from(read, ([i, bytes]) => ({ ...pick(contributions[i]!), bytes })),
        ...{ length, plain, aggregation, compressed, compression },
        ...(left && { residual: left }),
      },
      signal,
    )
    const computeMs = clock.monoMs() - startMs
    const keep = (bytes: Uint8Array) => rounds.keep([bytes], bytes.byteLength, signal, 'now')
    const [update, state] = await Promise.all([keep(reduced.update), reduced.residual && keep(reduced.residual)])
    await rounds.letGo(lease.job, [...contributions.map((each) => each.update), ...(residual ? [residual.update] : [])])
    return {
      metrics: metricsOf(shard, this.#brought.get(lease) ?? { fetchMs: 0, bytes: 0 }),
      commitments: [],
      ...(state && { state }),
      updates: [update],
      computeMs,
    }
  }
}

function pick({ member, weight }: ReduceShard['contributions'][number]) {
  return { member, weight }
}

/** One row: how the slice was made. */
function metricsOf({ slice, contributions }: ReduceShard, { fetchMs, bytes }: Brought): NamedTensors {
  const whole = (value: number): Tensor => ({
    dtype: 'int64',
    shape: [1],
    data: new Uint8Array(BigInt64Array.of(BigInt(value)).buffer),
  })
  return {
    slice: whole(slice),
    contributions: whole(contributions.length),
    fetchMs: { dtype: 'float32', shape: [1], data: new Uint8Array(Float32Array.of(fetchMs).buffer) },
    bytes: whole(bytes),
  }
}

/** Whoever made it no longer gives it: the round goes on without this member. What is this node's own trouble stays that. */
function unreachable(member: number, at: string, error: unknown): unknown {
  if (!isAividaError(error) || !/^(blob\.|grant\.)/.test(error.code)) return error
  const why: AividaError = error
  return peerError('update.contribution', `member ${member}: ${at} does not give its update: ${why.message}`, {
    member,
    cause: why.code,
  })
}
