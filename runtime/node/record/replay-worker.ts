import {
  AividaError,
  type Clock,
  type Config,
  invariant,
  limit,
  silentLogger,
  systemRandom,
  userError,
} from '../../base/index.ts'
import type { ProbedDevice } from '../../compute/device/index.ts'
import type { BlobStore, OpenProvider } from '../../data/blob/index.ts'
import type { Trained, TrainingRun } from '../../job/worker/index.ts'
import {
  type BlobRef,
  type Lease,
  type ReduceShard,
  type ShardSpec,
  shardId,
  type TrainShard,
} from '../../protocol/index.ts'
import { NodeDevices } from '../hosts/devices.ts'
import { EngineHost } from '../hosts/engine-host.ts'
import { TrainingHost } from '../hosts/training-host.ts'
import { ReduceHost } from '../rounds/reduce-host.ts'
import { RoundBlobs } from '../rounds/round-blobs.ts'

/** What {@link ReplayWorker} needs. */
export interface ReplayWorkerInit {
  readonly config: Pick<Config, 'engine' | 'devices' | 'slots' | 'threadsPerSlot' | 'engineMemoryBytes'>
  readonly clock: Clock
  readonly env: Readonly<Record<string, string | undefined>>
  /** Holds all that shards name: nothing is fetched. */
  readonly blobs: BlobStore
  /** Of what engines compile. */
  readonly cacheDir: string
  readonly job: string
}

/** What a shard of training came to here. */
export type Redone = Trained & Required<Pick<Trained, 'state'>>

/** Under which name what was computed here is pinned until it is dropped. */
const KEPT = 'replay'
/** Peers of a replay are nobody's. */
const NOBODY = `12D3Koo${'W'.repeat(45)}`
const NO_ACCOUNT = `ac_${'1'.repeat(40)}`

/**
 * Computes shards on this machine as a worker does, by the same code and in engine children of the same kind, without a
 * swarm: blobs come from a store that has them all.
 */
export class ReplayWorker {
  readonly devices: readonly ProbedDevice[]
  readonly #engines: EngineHost
  readonly #training: TrainingHost
  readonly #reduction: ReduceHost
  readonly #init: ReplayWorkerInit

  private constructor(init: ReplayWorkerInit, hardware: NodeDevices, devices: readonly ProbedDevice[]) {
    const { clock, config, blobs } = init
    this.#init = init
    this.devices = devices
    const provider = (): OpenProvider => async () => {
      throw new AividaError({
        code: 'bundle.incomplete',
        category: 'internal',
        message: 'a replay asked for bytes that its bundle does not hold',
      })
    }
    const offended = () => {}
    this.#engines = new EngineHost({
      ...{ clock, logger: silentLogger, random: systemRandom, models: blobs, provider, offended },
      memoryBytes: config.engineMemoryBytes,
      threads: config.threadsPerSlot,
      coWorkers: false,
      deviceOptions: (device) => hardware.loadOptions(device),
      engine: hardware.settings,
    })
    const common = { clock, blobs, provider, offended, keptAs: KEPT, logger: silentLogger }
    // What members give each other is not brought into memory either: it is in the one store already.
    const rounds = new RoundBlobs({ ...common, logger: silentLogger, inputs: blobs, self: NOBODY })
    this.#training = new TrainingHost({ ...common, engines: this.#engines, rounds })
    this.#reduction = new ReduceHost({ clock, engines: this.#engines, rounds })
  }

  /** Looks for this machine's devices. Throws `engine.*`, `device.*`. */
  static async start(init: ReplayWorkerInit): Promise<ReplayWorker> {
    const { config, clock, env, cacheDir } = init
    const hardware = new NodeDevices({ config, cacheDir, clock, env })
    return new ReplayWorker(init, hardware, await hardware.search({ onMissing: () => {} }))
  }

  /** Does a shard of training again on a device. `slot`: shards of one slot share an engine child. Throws as `WorkerPorts.train`. */
  async train(device: string, shard: TrainShard, slot: number, run: TrainingRun): Promise<Redone> {
    const lease = this.#lease(device, shard)
    await this.#training.fetch(lease, shard, undefined, run.signal)
    const { state, ...trained } = await this.#training.train(lease, shard, slot, run)
    invariant(state, 'a shard of training came to no state')
    return { ...trained, state }
  }

  /** Makes one update of contributions again. Throws as `WorkerPorts.reduce` does. */
  async reduce(device: string, shard: ReduceShard, signal: AbortSignal): Promise<Trained> {
    const lease = this.#lease(device, shard)
    await this.#reduction.fetch(lease, shard, undefined, signal)
    return this.#reduction.reduce(lease, shard, 0, signal)
  }

  /** A state that was computed here and is of no more use. What the bundle holds is pinned by it, and stays. */
  async drop({ blob, sizeBytes }: BlobRef): Promise<void> {
    const { blobs, job } = this.#init
    for (const owner of [KEPT, job]) await blobs.unpin(owner, blob)
    await blobs.evict(sizeBytes)
  }

  async stop(): Promise<void> {
    await this.#engines.stop()
  }

  #lease(device: string, spec: ShardSpec): Lease {
    if (!this.devices.some(({ id }) => id === device)) throw userError('device.unknown', `there is no device ${device}`)
    const { job } = this.#init
    return {
      ...{ id: 'replay', job, epoch: 1, shard: shardId(spec), spec, account: NO_ACCOUNT, worker: NOBODY, device },
      durationMs: limit('leaseMs'),
      requirements: {},
      policy: { mode: 'none' },
      providers: [NOBODY],
    }
  }
}
