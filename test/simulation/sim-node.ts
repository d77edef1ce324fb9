import { join } from 'node:path'
import { type AividaError, type Clock, type Config, type Logger, peerError } from '../../runtime/base/index.ts'
import {
  type BlobMedium,
  type BlobStore,
  DiskBudget,
  memoryBlobStore,
  memoryMedium,
} from '../../runtime/data/blob/index.ts'
import { Coordinator } from '../../runtime/job/coordinator/index.ts'
import { AccountProofs } from '../../runtime/job/following/index.ts'
import { Journals } from '../../runtime/job/journal/index.ts'
import { Worker } from '../../runtime/job/worker/index.ts'
import type { Log } from '../../runtime/log/index.ts'
import { openBlobDesk, providersOver } from '../../runtime/node/blob-desk.ts'
import { dataFolder } from '../../runtime/node/data-folder.ts'
import type { DataKeeper } from '../../runtime/node/data-shelf/data-entry.ts'
import { EventBus } from '../../runtime/node/events.ts'
import { JobArchive } from '../../runtime/node/jobs/job-archive.ts'
import type { JobFollowing } from '../../runtime/node/jobs/job-following.ts'
import { coordinatorPorts, workerPorts } from '../../runtime/node/jobs/job-ports.ts'
import { LocalService } from '../../runtime/node/local-service.ts'
import type { LocalServiceInit } from '../../runtime/node/local-service-init.ts'
import { startScrubbing } from '../../runtime/node/log-scrub.ts'
import { RoundBlobs } from '../../runtime/node/rounds/round-blobs.ts'
import {
  accountIdOf,
  type ControlMessage,
  type Device,
  type JobStatus,
  type NodeEventBody,
  peerIdOf,
  publicKeyOf,
} from '../../runtime/protocol/index.ts'
import { Cluster, ClusterStore, Door, FileTicketLedger } from '../../runtime/swarm/charter/index.ts'
import { Warden } from '../../runtime/swarm/conduct/index.ts'
import { SecretKey } from '../../runtime/swarm/identity/index.ts'
import { NodeSwarm, type NodeSwarmInit } from '../../runtime/swarm/node-swarm.ts'
import { PROTOCOL_VERSIONS } from '../../runtime/swarm/presence/hello.ts'
import type { Seed } from '../../runtime/swarm/presence/seed.ts'
import { FakeEngineProcess } from '../support/fake-engine-process.ts'
import { rowsSource } from '../support/row-source.ts'
import { cpu } from '../support/virtual-swarm.ts'
import { Chance } from './chance.ts'
import { DoublingEngine } from './doubling.ts'
import type { Scheduled } from './event-queue.ts'
import { Learning, THETA } from './learning.ts'
import { mortal } from './mortal.ts'
import { type ClockFaults, nodeClock } from './node-clock.ts'
import type { JobPlan, NodePlan } from './plan.ts'
import type { Rules } from './rules.ts'
import { SimDisk } from './sim-disk.ts'
import type { SimNetwork } from './sim-network.ts'
import { trainingSpec } from './training-plan.ts'
import { Life, type Site, type World } from './world.ts'

/** Where a node's folders are on its disk. */
export const FOLDER = dataFolder('/data')
/** Journals are read again this often, ms: damage that nobody planted shall be seen before the run is over. */
const SCRUB_MS = 7_000
/** Messages to each peer that may be said again. */
const SAID = 64
const MODEL = new TextEncoder().encode('double')

type Said = readonly [ControlMessage, readonly Uint8Array[]]

/** What the nodes of one world share. */
export interface Surroundings {
  readonly seed: number
  readonly world: World
  readonly network: SimNetwork
  readonly rules: Rules
  /** Addresses that every node knows. */
  readonly seeds: readonly Seed[]
  /** A process has ended. */
  readonly died: (node: SimNode) => void
}

/** What a running process offers to its clients. */
export interface Running {
  readonly swarm: NodeSwarm
  readonly coordinator: Coordinator
  readonly worker: Worker
  readonly blobs: BlobStore
  readonly service: LocalService
}

/** A machine with its disk and key: the production node runs on it, one process after the other. */
export class SimNode implements Site {
  readonly name: string
  readonly index: number
  readonly plan: NodePlan
  readonly key: SecretKey
  readonly peer: string
  readonly account: string
  readonly disk: SimDisk
  readonly clocks: ClockFaults
  isStalled = false
  /** It will not be started again. */
  hasLeft = false
  readonly backlog: Scheduled[] = []
  life: Life | undefined
  /** What runs, once its start is through. */
  running: Running | undefined
  readonly #around: Surroundings
  readonly #medium: BlobMedium = memoryMedium()
  /** What the present process has said to each peer, and what those before it had. */
  #said = new Map<string, Said[]>()
  #saidBefore = new Map<string, Said[]>()
  #lives = 0

  constructor(around: Surroundings, index: number, plan: NodePlan) {
    this.index = index
    this.name = `n${index}`
    this.plan = plan
    this.key = new SecretKey(new Chance(around.seed, `key ${index}`).random.bytes(32))
    this.peer = peerIdOf(this.key.publicKey)
    this.account = accountIdOf(this.key.publicKey)
    this.disk = new SimDisk(around.world, new Chance(around.seed, `disk ${index}`))
    this.clocks = { rate: plan.rate, skewMs: plan.skewMs }
    this.#around = around
  }

  /** A new process on this machine; nothing runs in it yet. */
  fork(): Life {
    const { world, network, died } = this.#around
    for (const [to, said] of this.#said) this.#saidBefore.set(to, said)
    this.#said = new Map()
    this.life = new Life(this, ++this.#lives, world.nowMs, (life, why) => {
      world.note('life', `process ${life.number} is dead: ${why}`, this)
      this.running = undefined
      const { current } = world
      world.current = life // what its connections tell it now is told to the dead
      network.memory.kill(this.peer)
      world.current = current
      if (life.powerCut) this.disk.powerCut()
      died(this)
    })
    world.note('life', `process ${this.#lives} starts`, this)
    return this.life
  }

  /** Starts the production node in a process of its own. Whatever its start throws ends the process. */
  boot(): void {
    const life = this.fork()
    this.#start(life).catch((error) => life.die(`its start failed: ${error}`))
  }

  /** Says again what some process of this node said to a peer before: a resend after a reconnect, or an old process. */
  repeat(to: string, count: number): void {
    const said = this.#saidBefore.get(to) ?? this.#said.get(to) ?? []
    const chance = new Chance(this.#around.seed, `repeat ${this.name} ${this.#around.world.nowMs}`)
    const { running } = this
    if (!running) return
    for (let i = 0; i < count && said.length > 0; i++) {
      const [message, body] = chance.pick(said)
      NodeSwarm.prototype.send.call(running.swarm, to, message, body).catch(() => {}) // it may not be connected
    }
  }

  /** What a process needs of the cluster. */
  membership(life: Life): { readonly node: SecretKey; readonly store: ClusterStore; readonly clock: Clock } {
    const store = new ClusterStore(this.disk.mount(life), FOLDER.cluster)
    return { node: this.key, store, clock: this.clock(life) }
  }

  clock(life: Life): Clock {
    return nodeClock(this.#around.world, life, this.clocks)
  }

  /** The composition root, as `runtime/node/node.ts` is in production. */
  async #start(life: Life): Promise<void> {
    const { network, rules, seeds, seed } = this.#around
    const { key, plan } = this
    const own = this.membership(life)
    const { clock, store } = own
    const disk = this.disk.mount(life)
    const logger = this.#logger(life)
    const { random } = new Chance(seed, `random ${this.name} ${life.number}`)
    const cluster = await Cluster.open(own)
    if (!cluster) throw new Error('there is no cluster on the disk')
    const tickets = await FileTicketLedger.open(FOLDER.tickets, disk)
    const door = await Door.open({ cluster, keys: [key], tickets, store, clock, protocolVersions: PROTOCOL_VERSIONS })
    const blobs = await memoryBlobStore({ clock, medium: mortal(life, this.#medium) })
    const inputs = await memoryBlobStore({ clock })
    const devices: Device[] = [{ ...cpu(plan.slots), kinds: ['infer', 'train', 'reduce'] }]
    const warden = new Warden({
      ...{ clock, logger },
      isMember: (peer) => cluster.roster.member(peer) !== undefined,
      isRemoved: (peer) => cluster.charter.state.removed.has(peer),
    })
    const gate = (peer: string, inboundFrom?: string) => warden.admits(peer, inboundFrom)
    const swarm: NodeSwarm = new RememberingSwarm(
      {
        transport: network.memory.transport(this.peer, { gate }),
        ...{ warden, cluster, door, signer: key, clock, logger, random },
        describe: () => ({ name: this.name, software: 'simulated', devices, account: this.account }),
        refusalsOf: (peer) => coordinator.refusalsOf(peer),
        seeds: seeds.filter(({ address }) => !address.endsWith(this.peer)),
      },
      (to, said) => this.#remember(to, said),
    )
    const provider = providersOver(swarm)
    const spawn = () => new FakeEngineProcess()
    const coWorkers = true
    const offended = (by: string, error: AividaError) => swarm.warden.judge(by, error)
    const home = (job: string) => ({ dir: join(FOLDER.jobs, job, 'journal'), disk })
    const proofs = new AccountProofs({
      ...{ cluster: cluster.charter.state.cluster, clock, own: this.account },
      memberAccount: (peer) => accountIdOf(publicKeyOf(peer)),
    })
    const journals = new Journals({ home, clock, signer: key })
    const host = {
      clock,
      logger,
      memoryBytes: 0,
      threads: 1,
      cacheDir: FOLDER.cache,
      models: blobs,
      provider,
      spawn,
      ...{ random, coWorkers, offended },
    }
    const engines = new DoublingEngine(host, plan, new Chance(seed, `engine ${this.name} ${life.number}`))
    const events = new WatchedBus(clock, life, rules)
    const jobEnded = (status: JobStatus) => void service.keepEnded(status)
    const parts = {
      ...{
        swarm,
        clock,
        logger,
        signer: key,
        folder: FOLDER,
        journals,
        proofs,
        blobs,
        inputs,
        provider,
        engines,
        events,
        jobEnded,
        disk,
      },
    }
    const openSource: typeof ports.openSource = async (spec) => rowsSource(spec)
    const ports = coordinatorPorts(parts)
    const fetchState: typeof ports.fetchState = async (job, ref, peer, signal, snapshot) => {
      await ports.fetchState(job, ref, peer, signal)
      const text = snapshot && Buffer.from(await blobs.readAll(ref.blob)).toString()
      if (snapshot && text !== `${THETA}${snapshot.commitment}`)
        throw peerError('receipt.snapshot', `${peer} gave another state than it says`)
    }
    const coordinator: Coordinator = new Coordinator({ ...ports, openSource, fetchState })
    const portsOfWorker = await workerPorts(parts, () => devices)
    const rounds = new RoundBlobs({ ...parts, self: this.peer, offended, keptAs: 'owed' })
    const learning = new Learning({
      clock,
      rounds,
      plan,
      chance: new Chance(seed, `learning ${this.name} ${life.number}`),
    })
    const worker = new Worker(learning.over(portsOfWorker))
    rules.begun(life, new Map(Array.from(portsOfWorker.journal.jobs(), ([job, { epoch }]) => [job, epoch])))
    const logs = () =>
      new Map([
        ['the journal of leases', portsOfWorker.journal.log],
        ...Array.from(journals.entries(), ([job, { log }]): [string, Log] => [job, log]),
      ])
    const scrubbing = startScrubbing({ clock, logger, logs, everyMs: SCRUB_MS })
    // Nobody reads another's jobs here.
    const unread = { sharedJobs: { recent: () => [] } } as unknown as Pick<
      LocalServiceInit,
      'shares' | 'sharedJobs' | 'records'
    >
    const service: LocalService = new LocalService({
      ...parts,
      archive: new JobArchive(FOLDER.jobs, disk),
      config: { role: 'both' } as Config,
      ...{ name: this.name, account: this.account, cluster, door, coordinator, worker },
      keys: { node: key, account: undefined, binding: undefined },
      budget: new DiskBudget(),
      random,
      scrubbing,
      following: undefined as unknown as JobFollowing, // jobs are not adopted here yet
      shelf: undefined as unknown as DataKeeper, // no data are brought here
      ...unread,
      devices: () => devices,
      sampler: { latest: { cpu: 0, rssBytes: 0, loopDelayP99Ms: 0 } },
    })
    openBlobDesk({
      ...{ swarm, clock, stores: [inputs, blobs], coordinator, worker },
      isMember: (peer) => cluster.roster.member(peer) !== undefined,
    })
    worker.start(devices)
    coordinator.start()
    await service.resumeJobs()
    for (const event of service.snapshot()) if (event.type === 'job') rules.published(life, event) // what clients are told first
    await swarm.start()
    if (!life.isAlive) return
    this.running = { swarm, coordinator, worker, blobs, service }
  }

  /** Submits a job as a client does; resolves with its id when it is acknowledged. */
  async submit(job: string, plan: JobPlan): Promise<void> {
    const { rows, rowsPerShard, batchesPerPart, width, rounds } = plan
    const { coordinator, blobs } = this.running!
    const graph = await blobs.put([MODEL], { pin: { owner: job } })
    if (rounds) {
      const state = await blobs.put([Buffer.from(`${THETA}${'0'.repeat(64)}`)], { pin: { owner: job } })
      await coordinator.submit({
        ...trainingSpec(rows, rounds, state),
        ...{ job, account: this.account, model: { graph, weights: [] } },
        ...{ outputDir: `/results/${job}`, createdWallMs: 0 },
      })
      return
    }
    await coordinator.submit({
      job,
      account: this.account,
      request: {
        program: 'infer',
        model: 'double.onnx',
        input: { path: `${rows}x${width}` },
        outputs: [],
        rowsPerShard,
        rowsPerPart: rowsPerShard * batchesPerPart,
        requirements: {},
        finite: true,
      },
      model: { graph, weights: [] },
      outputDir: `/results/${job}`,
      createdWallMs: 0,
    })
  }

  #remember(to: string, said: Said): void {
    const list = this.#said.get(to) ?? []
    list.push(said)
    if (list.length > SAID) list.shift()
    this.#said.set(to, list)
  }

  #logger(life: Life): Logger {
    const { world } = this.#around
    const say = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
      if (!life.isAlive) return
      if (message === 'a log is damaged') world.violate('logs-whole', JSON.stringify(fields))
      const { code, job, error } = fields
      const facts = [code, job, error].filter((fact) => fact !== undefined).map((fact) => String(fact).slice(0, 160))
      world.note('log', `${level} ${message} ${facts.join(' ')}`, this)
    }
    const logger: Logger = {
      ...{ debug: () => {}, info: () => {}, warn: say('warn'), error: say('error') },
      child: () => logger,
    }
    return logger
  }
}

/** The production swarm; what it says is remembered, to be said again. */
class RememberingSwarm extends NodeSwarm {
  readonly #remember: (to: string, said: Said) => void

  constructor(init: NodeSwarmInit, remember: (to: string, said: Said) => void) {
    super(init)
    this.#remember = remember
  }

  override async send(peer: string, message: ControlMessage, body: readonly Uint8Array[] = []): Promise<void> {
    if (peer !== this.self) this.#remember(peer, [message, body])
    await super.send(peer, message, body)
  }
}

/** The production event bus, read by the rules. */
class WatchedBus extends EventBus {
  readonly #life: Life
  readonly #rules: Rules

  constructor(clock: Clock, life: Life, rules: Rules) {
    super({ clock, snapshot: () => [] })
    this.#life = life
    this.#rules = rules
  }

  override publish(event: NodeEventBody): void {
    if (this.#life.isAlive) this.#rules.published(this.#life, event)
    super.publish(event)
  }
}
