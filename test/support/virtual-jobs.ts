import { AividaError, deadline, seededRandom, sha256, silentLogger, sleep } from '../../runtime/base/index.ts'
import type { RunResult } from '../../runtime/compute/engine/index.ts'
import { type BlobStore, memoryBlobStore } from '../../runtime/data/blob/index.ts'
import { decodeTensors, type NamedTensors, tensorOf, typedArrayOf } from '../../runtime/data/tensor/index.ts'
import { Coordinator, newJobId, type Piece, statusOfRecord } from '../../runtime/job/coordinator/index.ts'
import { AccountProofs, type FollowedPlaces } from '../../runtime/job/following/index.ts'
import { JobJournal, Journals } from '../../runtime/job/journal/index.ts'
import { Worker } from '../../runtime/job/worker/index.ts'
import { type LogStore, type MemoryLogHome, memoryLogHome, memoryLogStore } from '../../runtime/log/index.ts'
import { openBlobDesk, providersOver } from '../../runtime/node/blob-desk.ts'
import { dataFolder } from '../../runtime/node/data-folder.ts'
import { EventBus } from '../../runtime/node/events.ts'
import { EngineHost, type EngineHostInit } from '../../runtime/node/hosts/engine-host.ts'
import { adoptionPorts } from '../../runtime/node/jobs/adoption-ports.ts'
import { type JobFollowing, openJobFollowing } from '../../runtime/node/jobs/job-following.ts'
import { coordinatorPorts, workerPorts } from '../../runtime/node/jobs/job-ports.ts'
import {
  accountIdOf,
  type InferenceJob,
  type JobSpec,
  type JobStatus,
  type Lease,
  type NodeEventBody,
  publicKeyOf,
} from '../../runtime/protocol/index.ts'
import { FakeEngineProcess } from './fake-engine-process.ts'
import { rowsSource } from './row-source.ts'
import type { VirtualNode, VirtualSwarm } from './virtual-swarm.ts'

/** Doubles its input `x` into `y`, in virtual time; models and inputs come over the network as in production. */
export class VirtualEngine extends EngineHost {
  computeMs = 1_000
  /** Throws instead of computing, when it gives an error. */
  failure: ((lease: Lease) => AividaError | undefined) | undefined
  /** Shards that kill the engine, and with it the call they are in. */
  deadly: ((shard: string) => boolean) | undefined
  /** How many shards went into each call, in order. */
  readonly calls: number[] = []
  /** Shards that were begun, in order. */
  readonly runs: string[] = []
  /** When running shards were called off. */
  readonly abortedMs: number[] = []
  running = 0
  readonly #init: EngineHostInit

  constructor(init: EngineHostInit) {
    super(init)
    this.#init = init
  }

  override async compute(
    leases: readonly Lease[],
    _slot: number,
    inputs: readonly NamedTensors[],
    signal: AbortSignal,
  ) {
    const { clock } = this.#init
    this.calls.push(leases.length)
    this.runs.push(...leases.map(({ shard }) => shard))
    this.running++
    try {
      await sleep(clock, this.computeMs * leases.length, signal)
    } catch (error) {
      this.abortedMs.push(clock.monoMs())
      throw error
    } finally {
      this.running--
    }
    if (leases.some(({ shard }) => this.deadly?.(shard))) throw engineDied()
    const results = leases.map((lease, i): RunResult => {
      const error = this.failure?.(lease)
      if (error) return { error }
      const { x } = inputs[i]!
      const values = (typedArrayOf(x!) as Float32Array).map((value) => 2 * value)
      return { outputs: { y: tensorOf(values, x!.shape) } }
    })
    return { results, computeMs: this.computeMs * leases.length }
  }
}

/** What of a node outlives its process. */
export interface Kept {
  readonly workerJournal: MemoryLogHome
  readonly jobJournals: Map<string, MemoryLogHome>
  /** Copies of others' journals. */
  readonly followed: Map<string, MemoryLogHome>
  readonly blobs: BlobStore
  /** Parts that were written, in order: the row's number, doubled, for each row. */
  readonly parts: { readonly job: string; readonly index: number; readonly values: readonly number[] }[]
  /** How long the disk takes for a part. Milliseconds. Default: none. */
  writeMs?: number
  /** How often the inputs of jobs were changed. */
  sourceChanges?: number
}

/** A node with both sides of jobs: production coordinator, worker, blob desk and ports; engine, disk and source stand in. */
export interface JobNode extends VirtualNode {
  readonly coordinator: Coordinator
  readonly worker: Worker
  readonly engine: VirtualEngine
  readonly inputs: BlobStore
  readonly journals: Journals
  readonly following: JobFollowing
  /** Whom its blob desk gives files of jobs, beside those who compute. Default: nobody. */
  readonly readers: { give: (peer: string, blob: string) => Promise<boolean> }
  readonly kept: Kept
  readonly published: NodeEventBody[]
  /** `resumed`: jobs that an earlier process left; they are taken up before anybody is met, as in production. */
  startJobs(resumed?: readonly string[]): Promise<void>
  /** Ends the process as SIGKILL does: nothing is said, and nothing under way reaches the disk. */
  die(): void
}

/** What a test job reads: rows of `width` numbers, row r holding r + 1. */
export interface Rows {
  readonly rows: number
  readonly rowsPerShard: number
  /** Default: 1. Of two rows, outputs are too large to go inline from 5,000 on, and inputs from 40,000 on. */
  readonly width?: number
  readonly request?: Partial<InferenceJob['request']>
  readonly account?: string
}

class RecordingBus extends EventBus {
  readonly published: NodeEventBody[] = []

  override publish(event: NodeEventBody): void {
    this.published.push(event)
    super.publish(event)
  }
}

/** Gives a node its jobs. `kept` is what an earlier process of it left. */
export async function withJobs({ clock, network }: VirtualSwarm, node: VirtualNode, kept?: Kept): Promise<JobNode> {
  const life = { isOver: false }
  const { swarm, key } = node
  const durable: Kept = kept ?? {
    workerJournal: memoryLogHome(),
    jobJournals: new Map(),
    followed: new Map(),
    blobs: await memoryBlobStore({ clock }),
    parts: [],
  }
  const { blobs } = durable
  const inputs = await memoryBlobStore({ clock })
  const provider = providersOver(swarm)
  const engine = new VirtualEngine({
    clock,
    logger: silentLogger,
    memoryBytes: 0,
    threads: 1,
    models: blobs,
    provider,
    random,
    coWorkers: true,
    offended: (peer, error) => swarm.warden.judge(peer, error),
    spawn: () => new FakeEngineProcess(), // a host has one ready, which this one never uses
  })
  const journals = new Journals({ home: (job) => journalHome(durable, job, life), clock, signer: key })
  const proofs = new AccountProofs({
    ...{ clock, cluster: node.cluster.charter.state.cluster, own: accountOf(node) },
    ...(node.owner && { binding: node.owner.binding }),
    memberAccount: (peer) => accountIdOf(publicKeyOf(peer)), // as `accountOf` has it
  })
  const events = new RecordingBus({ clock, snapshot: () => [] })
  const parts = {
    ...{ swarm, clock, signer: key, journals, proofs, blobs, inputs, provider, events, engines: engine },
    logger: silentLogger,
    folder: dataFolder('/data'),
    jobEnded: () => {},
  }
  const coordinator = new Coordinator({
    ...coordinatorPorts(parts),
    openSource: async (spec) => rowsSource(spec, durable.sourceChanges),
    writeParts: async ({ job }, parts) => {
      if (durable.writeMs !== undefined) await sleep(clock, durable.writeMs)
      await alive(life)
      return parts.map(({ index, pieces }) => {
        const values = pieces.flatMap(({ order: { rows }, outputs }) => {
          const { y } = decodeTensors(outputs)
          return Array.from({ length: rows }, (_, row) => Number(typedArrayOf(y!)[row * y!.shape[1]!]))
        })
        durable.parts.push({ job, index, values })
        const [{ order, outputs }, ...further] = pieces as unknown as [Piece, ...Piece[]]
        const furtherShards = further.map((piece) => piece.order.shard)
        const { firstRow, shard } = order
        const file = { file: `part-${index}`, sha256: sha256(outputs) }
        return { index, firstRow, rows: values.length, shard, furtherShards, ...file }
      })
    },
  })
  const worker = new Worker(await workerPorts(parts, () => node.devices, mortalStore(durable.workerJournal, life)))
  const following = await openJobFollowing({
    ...parts,
    ...adoptionPorts(parts),
    ...{ coordinator, worker, places: places(durable, life) },
    checkInput: async () => {},
    endedJob: async (job) => {
      const home = durable.jobJournals.get(job)
      const journal = home && (await JobJournal.open(memoryLogStore(home), job, { clock, signer: key }))
      const record = await journal?.load()
      await journal?.close()
      return record?.ended && statusOfRecord(record, 1)
    },
    adoptionNoted: async () => {},
    hasPart: async ({ job }, { index }) => durable.parts.some((part) => part.job === job && part.index === index),
    keepPart: async ({ job }, { index }, bytes) => {
      durable.parts.push({ job, index, values: JSON.parse(new TextDecoder().decode(bytes)) })
      return true
    },
    readPart: async ({ job }, index) => {
      const { values } = durable.parts.find((part) => part.job === job && part.index === index)!
      const bytes = new TextEncoder().encode(JSON.stringify(values))
      return { sizeBytes: bytes.byteLength, bytes }
    },
  })
  const readers: JobNode['readers'] = { give: async () => false }
  openBlobDesk({
    ...{ swarm, clock, stores: [inputs, blobs], coordinator, worker },
    shared: (peer, blob) => readers.give(peer, blob),
    adopted: (peer, blob, signed) => following.adoptedBlob(peer, blob, signed),
    isMember: (peer) => node.cluster.roster.member(peer) !== undefined,
  })
  const startJobs = async (resumed: readonly string[] = []) => {
    worker.start(node.devices)
    coordinator.start()
    following.start()
    for (const job of resumed) await resumeJob({ coordinator, journals }, job)
    await node.start()
  }
  const die = () => {
    life.isOver = true
    network.kill(node.peer)
    worker.stop()
    void coordinator.stop()
    void following.stop()
  }
  const jobs = {
    coordinator,
    worker,
    engine,
    inputs,
    kept: durable,
    published: events.published,
    startJobs,
    die,
    journals,
    following,
    readers,
  }
  return Object.assign(node, jobs)
}

/** A process, which may be over while its promises linger. */
interface Life {
  isOver: boolean
}

/** Never resolves in a process that is over. */
const alive = ({ isOver }: Life): Promise<void> => (isOver ? new Promise(() => {}) : Promise.resolve())

function mortalStore(home: MemoryLogHome, life: Life): LogStore {
  const store = memoryLogStore(home)
  const append = store.append.bind(store)
  store.append = async (...args) => {
    await alive(life)
    await append(...args)
    await alive(life)
  }
  return store
}

function journalHome({ jobJournals }: Kept, job: string, life: Life): LogStore {
  const home = jobJournals.get(job) ?? memoryLogHome()
  jobJournals.set(job, home)
  return mortalStore(home, life)
}

function places({ followed, jobJournals }: Kept, life: Life): FollowedPlaces {
  const homeOf = (job: string) => {
    const home = followed.get(job) ?? memoryLogHome()
    followed.set(job, home)
    return home
  }
  return {
    home: (job) => mortalStore(homeOf(job), life),
    list: async () => [...followed.keys()],
    remove: async (job) => void followed.delete(job),
    promote: async (job) => {
      jobJournals.set(job, homeOf(job))
      followed.delete(job)
    },
  }
}

/** Takes up a job where an earlier process of the node left it. */
export async function resumeJob({ coordinator, journals }: Pick<JobNode, 'coordinator' | 'journals'>, job: string) {
  const journal = await journals.open(job)
  const record = await journal.load()
  if (!record) throw new Error(`${job} was never created`)
  return coordinator.resume(record, journal)
}

const random = seededRandom(7)

/** The node's own account, unless a test names another. */
export const accountOf = (node: VirtualNode): string => node.owner?.account ?? accountIdOf(node.key.publicKey)

/** A job over `rows`, as the node's control API would make it. */
export async function jobSpec(
  node: JobNode,
  { rows, rowsPerShard, width = 1, request, account }: Rows,
): Promise<JobSpec> {
  const job = newJobId(random)
  const graph = await node.kept.blobs.put([new TextEncoder().encode('double')], { pin: { owner: job } })
  return {
    job,
    account: account ?? accountOf(node),
    request: {
      program: 'infer',
      model: 'double.onnx',
      input: { path: `${rows}x${width}` },
      outputs: [],
      rowsPerShard,
      requirements: {},
      finite: true,
      ...request,
    },
    model: { graph, weights: [] },
    outputDir: request?.outputDir ?? `/results/${job}`,
    createdWallMs: 0,
  }
}

/** Submits a job over `rows`. */
export async function submit(node: JobNode, rows: Rows): Promise<JobStatus> {
  return node.coordinator.submit(await jobSpec(node, rows))
}

/** Values of the parts of a job in order of index; what is right for `rows` rows is 2, 4, 6, ... */
export function resultOf({ kept }: JobNode, job: string): number[] {
  const parts = kept.parts.filter((part) => part.job === job)
  return parts.sort((a, b) => a.index - b.index).flatMap(({ values }) => values)
}

/** What {@link resultOf} has to be. */
export const doubled = (rows: number): number[] => Array.from({ length: rows }, (_, row) => 2 * (row + 1))

/** How often each shard of a job was accepted. */
export function acceptances({ published }: JobNode, job: string): number[] {
  const shards = published.flatMap((event) =>
    event.type === 'shard' && event.job === job && event.phase === 'accepted' ? [event.shard] : [],
  )
  return [...Map.groupBy(shards, (shard) => shard).values()].map((group) => group.length)
}

/** The node after its process was killed and started anew, its jobs not taken up yet. */
export async function restartedJobs(swarm: VirtualSwarm, node: JobNode): Promise<JobNode> {
  node.die()
  return withJobs(swarm, await swarm.restarted(node), node.kept)
}

/** A limit on a call, in virtual time. */
export const within = ({ clock }: VirtualSwarm, ms: number): AbortSignal => deadline(clock, ms)

function engineDied(): AividaError {
  return new AividaError({ code: 'engine.died', category: 'platform', message: 'the engine died', retryable: true })
}
