import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dispatcher } from 'undici'
import { type Config, every, type Logger, METRICS_HOST, sleep, systemClock, systemRandom } from '../base/index.ts'
import { DiskBudget, directoryBlobStore, memoryBlobStore } from '../data/blob/index.ts'
import { egress } from '../data/remote/index.ts'
import { Coordinator } from '../job/coordinator/index.ts'
import { AccountProofs } from '../job/following/index.ts'
import { Journals } from '../job/journal/index.ts'
import { Worker } from '../job/worker/index.ts'
import type { Log } from '../log/index.ts'
import { type Device, type JobStatus, peerIdOf } from '../protocol/index.ts'
import { Warden } from '../swarm/conduct/index.ts'
import { mdnsDiscovery } from '../swarm/discovery/mdns.ts'
import { openBinding } from '../swarm/identity/index.ts'
import { NodeSwarm } from '../swarm/node-swarm.ts'
import { libp2pTransport } from '../swarm/transport/libp2p/index.ts'
import { openBlobDesk, providersOver } from './blob-desk.ts'
import { loadKeys, openCluster, openDoor } from './cluster/joining.ts'
import { keptPorts } from './cluster/kept-ports.ts'
import { knownPeers } from './cluster/known-peers.ts'
import { peerViews } from './cluster/peer-views.ts'
import { startControlServer } from './control/index.ts'
import { claimSocket } from './control/socket.ts'
import { dataFolder, makeDataFolder } from './data-folder.ts'
import { DATA_OWNER, DataShelf } from './data-shelf/data-shelf.ts'
import { EventBus } from './events.ts'
import { countFolders } from './folder-usage.ts'
import { NodeDevices } from './hosts/devices.ts'
import { EngineHost } from './hosts/engine-host.ts'
import { adoptionPorts } from './jobs/adoption-ports.ts'
import { followedFolder } from './jobs/followed-folder.ts'
import { JobArchive } from './jobs/job-archive.ts'
import { openJobFollowing } from './jobs/job-following.ts'
import { coordinatorPorts, workerPorts } from './jobs/job-ports.ts'
import { LocalService } from './local-service.ts'
import { startScrubbing } from './log-scrub.ts'
import { nodeName } from './node-name.ts'
import { RecordDesk } from './record/index.ts'
import { Sampler } from './samples.ts'
import type { NodeService } from './service.ts'
import { SHARED_OWNER, ShareDesk, SharedJobs, Shares } from './sharing/index.ts'
import { SOFTWARE } from './version.ts'

/** A node that runs in this process. */
export interface RunningNode {
  readonly service: NodeService
  /** Resolves when a client has asked the node to stop; the process then calls {@link stop}. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

/** A killed node finds the others again by what was kept at most this long ago. */
const SAVE_PEERS_MS = 5_000
/** A peer that takes longer to hear that this node stops will find out by itself. */
const FAREWELL_MS = 500
/** Of the disk budget: what data that the operator brought may take, so that jobs have the rest. */
const DATA_SHARE = 0.5
/** Of the disk budget: copies of files that readers of shared jobs are fetching. */
const SHARED_SHARE = 0.25
/** Memory for inputs of shards on their way, in and out. */
const INPUT_MEMORY_BYTES = 1 << 30

/**
 * Puts a node together from its parts and starts it. Throws `cluster.none`, `key.readable`, `socket.*`, `transport.*`,
 * `log.*`, `disk.*`.
 */
export async function startNode(config: Config, { logger }: { readonly logger: Logger }): Promise<RunningNode> {
  const clock = systemClock
  const folder = dataFolder(config.dataDir)
  await makeDataFolder(folder)
  await claimSocket(config.socketPath) // first of all, to name the node that runs here already
  const keys = await loadKeys(folder, clock)
  const cluster = await openCluster({ folder, clock, logger }, keys)
  const door = await openDoor({ folder, clock, logger }, cluster, keys)
  const bound = keys.binding && openBinding(keys.binding, cluster.charter.state.cluster, clock.wallMs())
  const account = bound?.account ?? cluster.own.account
  const name = nodeName(config, peerIdOf(keys.node.publicKey))
  const known = await knownPeers(folder.peers, config.seeds)

  const budget = new DiskBudget(config.diskBudgetBytes)
  const quotas: Readonly<Record<string, number>> = { [DATA_OWNER]: DATA_SHARE, [SHARED_OWNER]: SHARED_SHARE }
  const quotaBytes = (owner: string) => config.diskBudgetBytes * (quotas[owner] ?? Number.POSITIVE_INFINITY)
  const blobs = await directoryBlobStore({ dir: folder.blobs, clock, budget, quotaBytes })
  const stopCounting = await countFolders(budget, clock, {
    journals: [folder.jobs, folder.followed, folder.worker, folder.cluster],
    logs: [folder.logs],
    'jobs of others': [folder.shared],
    caches: [folder.cache, folder.uploads, join(folder.data, 'arriving')],
  })
  const inputs = await memoryBlobStore({ clock, budget: new DiskBudget(INPUT_MEMORY_BYTES) })

  const warden = new Warden({
    clock,
    logger,
    isMember: (peer) => cluster.roster.member(peer) !== undefined,
    isRemoved: (peer) => cluster.charter.state.removed.has(peer),
  })
  const transport = await libp2pTransport({
    seed: keys.node.exportSeed(),
    listen: config.listen,
    ports: await keptPorts(folder.ports, logger),
    announce: config.announce,
    logger,
    clock,
    gate: (peer, inboundFrom) => warden.admits(peer, inboundFrom),
    streamsOf: (peer) => warden.streamsOf(peer),
  })
  let devices: readonly Device[] = []
  const hardware = new NodeDevices({ config, cacheDir: folder.cache, clock, env: process.env })
  const swarm: NodeSwarm = new NodeSwarm({
    transport,
    warden,
    cluster,
    door,
    signer: keys.node,
    clock,
    logger,
    random: systemRandom,
    seeds: known.seeds,
    discoveries: config.mdns ? [mdnsDiscovery({ logger })] : [],
    describe: () => ({ name, software: SOFTWARE, devices: [...devices], ...(account !== undefined && { account }) }),
    refusalsOf: (peer) => coordinator.refusalsOf(peer),
  })
  const provider = providersOver(swarm)
  let wayOut: Promise<Dispatcher> | undefined
  const egressOnce = () => {
    wayOut ??= egress({ env: process.env })
    return wayOut
  }
  const shelf = await DataShelf.open({ blobs, folder: folder.data, clock, logger, egress: egressOnce })
  const archive = new JobArchive(folder.jobs)
  const sampler = new Sampler(clock)
  const events: EventBus = new EventBus({ clock, snapshot: () => service.snapshot() })
  const engines = new EngineHost({
    clock,
    logger,
    memoryBytes: config.engineMemoryBytes,
    threads: config.threadsPerSlot,
    models: blobs,
    provider,
    random: systemRandom,
    coWorkers: config.shareBlobs,
    offended: (peer, error) => swarm.warden.judge(peer, error),
    deviceOptions: (device) => hardware.loadOptions(device),
    engine: hardware.settings,
  })
  const jobEnded = (status: JobStatus) => void service.keepEnded(status)
  const home = (job: string) => ({ dir: join(folder.jobs, job, 'journal') })
  const journals = new Journals({ home, clock, signer: keys.node })
  const proofs = new AccountProofs({
    cluster: cluster.charter.state.cluster,
    clock,
    own: account,
    ...(keys.binding && { binding: keys.binding }),
    memberAccount: (peer) => swarm.accountOf(peer),
  })
  const parts = {
    swarm,
    clock,
    logger,
    signer: keys.node,
    journals,
    proofs,
    folder,
    blobs,
    inputs,
    provider,
    engines,
    events,
    jobEnded,
  }
  const coordinator: Coordinator = new Coordinator(coordinatorPorts(parts))
  const workerSide = await workerPorts(parts, () => devices)
  const worker = new Worker(workerSide)
  const scrubbing = startScrubbing({
    clock,
    logger,
    logs: () =>
      new Map([
        ['the journal of leases', workerSide.journal.log],
        ...[...journals.entries()].map(([job, { log }]): [string, Log] => [`the journal of ${job}`, log]),
      ]),
  })
  const following = await openJobFollowing({
    ...parts,
    ...adoptionPorts(parts),
    coordinator,
    worker,
    places: followedFolder(folder),
    readPart: (adoption, index, offset) => service.readPart(adoption, index, offset),
    endedJob: async (job) => (await archive.load(job))?.status,
    adoptionNoted: async (status) => archive.keep(status, (await archive.load(status.job))?.parts ?? []),
  })
  const shares = new Shares({ ...parts, coordinator, archive })
  const records = new RecordDesk(parts)
  const shareDesk = new ShareDesk({ ...parts, shares, record: (status) => records.record(status) })
  const sharedJobs = new SharedJobs({
    ...parts,
    here: () =>
      peerViews(swarm, clock)
        .filter(({ state }) => state === 'alive')
        .map(({ peer }) => peer),
    nameOf: (peer) => swarm.cardOf(peer)?.name ?? '',
    folder: folder.shared,
  })
  const service: LocalService = new LocalService({
    ...parts,
    shares,
    sharedJobs,
    records,
    following,
    scrubbing,
    archive,
    config,
    name,
    account,
    cluster,
    door,
    keys,
    coordinator,
    worker,
    budget,
    shelf,
    random: systemRandom,
    devices: () => devices,
    sampler,
  })
  openBlobDesk({
    swarm,
    clock,
    stores: [inputs, blobs],
    coordinator,
    worker,
    passesOn: config.shareBlobs,
    shared: (peer, blob) => shareDesk.gives(peer, blob),
    adopted: (peer, blob, signed) => following.adoptedBlob(peer, blob, signed),
    isMember: (peer) => cluster.roster.member(peer) !== undefined,
  })

  await mkdir(folder.uploads, { recursive: true, mode: 0o700 })
  const control = await startControlServer({
    service,
    socketPath: config.socketPath,
    uploadDir: folder.uploads,
    clock,
    random: systemRandom,
    ...(config.metricsPort !== undefined && { metricsPort: config.metricsPort }),
  })
  if (control.metricsUrl) logger.info({ url: control.metricsUrl, host: METRICS_HOST }, 'metrics are served')
  if (config.role !== 'submitter')
    devices = (
      await hardware.search({
        onMissing: (device, { code, message }) => logger.warn({ device, code, message }, 'a device is left out'),
      })
    ).map(({ deviceIndex, threadsPerSlot, ...device }) => ({
      ...device,
      sandboxLevel: SANDBOX_LEVEL,
      kinds: ['infer', 'train', 'reduce'],
    }))
  // Nobody hears of this node before it knows its devices and its jobs: after a restart, others ask at once what became
  // of their leases, and a card without devices would say that they are lost.
  worker.start(devices)
  coordinator.start()
  following.start()
  shareDesk.start()
  await service.resumeJobs()
  await swarm.start()
  sampler.start(
    () => worker.load(),
    (event) => events.publish(event),
  )
  const stopFollowing = service.followPeers()
  const stopSaving = every(clock, SAVE_PEERS_MS, () => {
    known.save(swarm).catch((error) => logger.warn({ error: String(error) }, 'known peers could not be kept'))
  })
  service.accept()
  logger.info({ peer: peerIdOf(keys.node.publicKey), addresses: transport.addresses() }, 'the node takes work')

  return {
    service,
    ended: service.ended,
    async stop() {
      sampler.stop()
      scrubbing.stop()
      stopCounting()
      stopFollowing()
      stopSaving()
      await control.stop()
      await shelf.stop()
      sharedJobs.stop()
      await (await wayOut)?.close()
      worker.stop()
      await following.stop()
      await coordinator.stop()
      await journals.close()
      await known.save(swarm)
      await Promise.race([swarm.sayFarewell(), sleep(clock, FAREWELL_MS)])
      await swarm.stop()
      await engines.stop()
      await workerSide.journal.close()
    },
  }
}

/** A child of its own process group with an empty environment; no file-system or network isolation yet. */
const SANDBOX_LEVEL = 0
