import { statfs } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { type Config, deadline, limit, peerError, type Random, userError } from '../base/index.ts'
import type { DiskBudget } from '../data/blob/index.ts'
import { type Coordinator, statusOfRecord } from '../job/coordinator/index.ts'
import type { Worker } from '../job/worker/index.ts'
import { systemDisk } from '../log/index.ts'
import type { Adoption, Device, JobRequest, JobStatus, NodeEventBody, PeerView, ResultPart } from '../protocol/index.ts'
import type { Cluster, Member as ClusterMember, Door, MemberRole } from '../swarm/charter/index.ts'
import { memberRoleSchema } from '../swarm/charter/index.ts'
import { peerOfAddress } from '../swarm/membership/address-book.ts'
import { skewSentence } from '../swarm/membership/network-watch.ts'
import { assertFreeFolder } from './adoption-ports.ts'
import type { DataKeeper } from './data-shelf/data-entry.ts'
import { followedViews } from './followed-views.ts'
import type { JobArchive } from './job-archive.ts'
import { type JobFollowing, readSlice } from './job-following.ts'
import type { JobParts } from './job-ports.ts'
import type { Scrubbing } from './log-scrub.ts'
import type { NodeKeys } from './membership.ts'
import { absentPeer, peerViews, strangerViews } from './peer-views.ts'
import type { Sampler } from './samples.ts'
import {
  type AdoptJobRequest,
  type CallOptions,
  type FollowedView,
  type Invite,
  type InviteRequest,
  type MemberView,
  type NodeInfo,
  type NodeService,
  type PendingView,
  unknownJob,
} from './service.ts'
import { journalledJobs, notResumed, prepareJob } from './submission.ts'
import { ticketSeeds } from './ticket-seeds.ts'
import { SOFTWARE, VERSION } from './version.ts'

/** What the service of a running node works on. */
export interface LocalServiceInit extends JobParts {
  readonly config: Config
  readonly name: string
  readonly account: string | undefined
  readonly cluster: Cluster
  readonly door: Door
  readonly keys: NodeKeys
  readonly coordinator: Coordinator
  readonly worker: Worker
  readonly archive: JobArchive
  readonly budget: DiskBudget
  readonly shelf: DataKeeper
  readonly random: Random
  readonly devices: () => readonly Device[]
  readonly sampler: Pick<Sampler, 'latest'>
  readonly scrubbing: Scrubbing
  readonly following: JobFollowing
}

/** What a running node can do, on the parts it is made of. */
export class LocalService implements NodeService {
  /** Resolves when a client has asked the node to stop. */
  readonly ended: Promise<void>
  readonly restored: Promise<void>
  readonly #init: LocalServiceInit
  readonly #startedWallMs: number
  readonly #end = Promise.withResolvers<void>()
  readonly #restored = Promise.withResolvers<void>()
  #accepting = false
  #draining: Promise<void> | undefined

  constructor(init: LocalServiceInit) {
    this.#init = init
    this.#startedWallMs = Math.floor(init.clock.wallMs())
    this.ended = this.#end.promise
    this.restored = this.#restored.promise
  }

  get events(): NodeService['events'] {
    return this.#init.events
  }

  get shelf(): DataKeeper {
    return this.#init.shelf
  }

  /** The node is complete: from here on it takes work. */
  accept(): void {
    this.#accepting = true
  }

  /** The present state, for clients that come without a position. */
  snapshot(): NodeEventBody[] {
    return [
      ...this.#statuses().map((status): NodeEventBody => ({ type: 'job', status })),
      ...this.#peers().map((peer): NodeEventBody => ({ type: 'peer', peer })),
      { type: 'device', devices: [...this.#init.devices()] },
    ]
  }

  /** Publishes peers as they come, fall silent and go. Returns a function that stops it. */
  followPeers(): () => void {
    const { swarm, events } = this.#init
    const publish = (peer: string) => {
      const view = this.#peers().find((known) => known.peer === peer)
      if (view) events.publish({ type: 'peer', peer: view })
    }
    swarm.warden.onNoted = publish
    return swarm.subscribe({
      card: publish,
      suspect: publish,
      alive: publish,
      lost: (peer) => this.#lost(peer),
      network: (network) => events.publish({ type: 'network', network }),
    })
  }

  async info(): Promise<NodeInfo> {
    const { swarm, clock, name, account, cluster, config, budget, devices, scrubbing } = this.#init
    const { charter, own } = cluster
    const { bavail, bsize } = await statfs(config.dataDir)
    return {
      peer: swarm.self,
      name,
      ...(account !== undefined && { account }),
      cluster: { id: charter.state.cluster, name: charter.state.name },
      role: own.role,
      version: VERSION,
      pid: process.pid,
      startedWallMs: this.#startedWallMs,
      addresses: [...swarm.card().addresses],
      warnings: this.#warnings(),
      devices: [...devices()],
      network: swarm.network(),
      disk: { usedBytes: budget.usage().totalBytes, budgetBytes: config.diskBudgetBytes, freeBytes: bavail * bsize },
      logs: { scrubbedBytes: scrubbing.scrubbedBytes, damaged: scrubbing.damage.size },
      dataDir: config.dataDir,
      load: this.#init.sampler.latest,
      strangers: strangerViews(swarm, clock),
      accepting: this.#accepting,
    }
  }

  async submit(request: JobRequest, { signal }: CallOptions = {}): Promise<JobStatus> {
    const { account, config, coordinator, blobs, clock, random, folder, cluster } = this.#init
    if (!this.#accepting) throw userError('node.draining', 'this node is starting or stopping and takes no jobs now')
    if (config.role === 'worker' || cluster.own.role === 'worker')
      throw userError('node.role', 'this node is a worker only; submit on another one, or start it with --role both')
    if (account === undefined)
      throw userError(
        'node.no-account',
        'a job belongs to an account and this node runs without one; after aivida account link APPROVAL, or aivida account create, start it again: aivida stop, aivida up',
      )
    const spec = await prepareJob({ clock, random, models: blobs, account, resultsDir: folder.results }, request)
    try {
      signal?.throwIfAborted()
      return await coordinator.submit(spec)
    } catch (error) {
      await blobs.unpin(spec.job)
      throw error
    }
  }

  async jobs(): Promise<readonly JobStatus[]> {
    await this.restored
    return this.#statuses()
  }

  async job(id: string): Promise<JobStatus> {
    await this.restored
    const status = this.#init.coordinator.status(id) ?? (await this.#init.archive.load(id))?.status
    if (!status) throw unknownJob(id, this.#statuses(), await this.followed())
    return status
  }

  async cancel(id: string, reason: string): Promise<JobStatus> {
    await this.job(id)
    await this.#init.coordinator.cancel(id, reason)
    return this.job(id)
  }

  async adopt(id: string, { input, outputDir, force = false }: AdoptJobRequest): Promise<JobStatus> {
    const { config, following, folder, archive } = this.#init
    if (!this.#accepting) throw userError('node.draining', 'this node is starting or stopping and takes no jobs now')
    if (config.role === 'worker') throw userError('node.role', 'this node is a worker only; adopt on another one')
    const dir = outputDir === undefined ? join(folder.results, id) : resolve(outputDir)
    if (outputDir !== undefined && dir !== following.followed.get(id)?.spec?.outputDir) await assertFreeFolder(dir)
    const status = await following.adopter.adopt(id, { outputDir: dir, force, ...(input && { input }) })
    archive.forget(id)
    return status
  }

  async followed(): Promise<readonly FollowedView[]> {
    return followedViews(this.#init.following.followed, this.#init.swarm)
  }

  /** Bytes of a part, for the node that has adopted its job. Throws `job.unknown`, `part.missing`, `adoption.account`. */
  async readPart({ job, account }: Adoption, index: number, offset: number) {
    if ((await this.job(job)).account !== account)
      throw peerError('adoption.account', `${job} does not belong to ${account}`)
    const part = (await this.parts(job)).find((part) => part.index === index)
    if (!part) throw peerError('part.missing', `${job} has no part ${index} here`)
    return readSlice(part.file, offset)
  }

  async parts(id: string): Promise<readonly ResultPart[]> {
    const { outputDir } = await this.job(id)
    const parts = this.#init.coordinator.parts(id) ?? (await this.#init.archive.load(id))?.parts ?? []
    return parts.map((part) => ({ ...part, file: isAbsolute(part.file) ? part.file : join(outputDir, part.file) }))
  }

  async peers(): Promise<readonly PeerView[]> {
    return this.#peers()
  }

  async members(): Promise<readonly MemberView[]> {
    const { cluster, swarm, name } = this.#init
    const present = new Set([swarm.self, ...swarm.members().map(({ peer }) => peer)])
    for (const [peer, { isHere }] of swarm.acquaintances()) if (isHere) present.add(peer)
    return cluster.roster.members().map((member: ClusterMember) => ({
      peer: member.node,
      name: member.node === swarm.self ? name : (swarm.cardOf(member.node)?.name ?? ''),
      ...(member.account !== undefined && { account: member.account }),
      role: member.role,
      present: present.has(member.node),
    }))
  }

  async invite({ uses = 1, expiresMs = 86_400_000, role = 'member' }: InviteRequest): Promise<Invite> {
    const { door, swarm, clock } = this.#init
    const expiresWallMs = Math.floor(clock.wallMs()) + expiresMs
    const seeds = ticketSeeds(swarm, this.#init.cluster)
    if (seeds.length === 0)
      throw userError(
        'invite.no-address',
        'this node has no address that others could reach; see --listen and --announce',
      )
    const ticket = door.invite({ seeds, role: roleOf(role), uses, expiresWallMs })
    return { ticket, uses, expiresWallMs, role }
  }

  async setSeeds(addresses: readonly string[]): Promise<void> {
    const { cluster, swarm, keys } = this.#init
    if (!keys.account)
      throw userError('charter.not-admin', "only an admin names seeds; do it where the admin's account key is")
    const nameless = addresses.find((address) => peerOfAddress(address) === undefined)
    if (nameless !== undefined)
      throw userError(
        'seeds.address',
        `expected an address that ends in /p2p/PEER, found ${nameless}; see: aivida status`,
      )
    await cluster.amend({ type: 'terms', terms: { seeds: [...addresses] } }, keys.account)
    swarm.charterChanged()
  }

  async remove(peer: string, reason: string): Promise<void> {
    const { cluster, swarm, keys } = this.#init
    if (!cluster.roster.member(peer)) throw userError('member.unknown', `${peer} is not a member; see: aivida members`)
    if (!keys.account)
      throw userError('charter.not-admin', "only an admin removes members; do it where the admin's account key is")
    await cluster.amend({ type: 'remove-member', member: peer, reason: reason.slice(0, 256) }, keys.account)
    swarm.charterChanged()
  }

  async leave(): Promise<void> {
    const { cluster, swarm } = this.#init
    await this.drain()
    await swarm.sayGoodbye(await cluster.leave())
    this.#end.resolve()
  }

  async pending(): Promise<readonly PendingView[]> {
    return this.#init.door.requests.map(({ node, admittedWallMs }) => ({
      peer: node,
      name: '',
      askedWallMs: admittedWallMs,
    }))
  }

  async approve(peer: string): Promise<void> {
    await this.#init.door.approve(peer)
  }

  drain(): Promise<void> {
    this.#accepting = false
    const { worker, clock } = this.#init
    this.#draining ??= worker.drain(deadline(clock, limit('drainMs')))
    return this.#draining
  }

  async stop(): Promise<void> {
    void this.drain().finally(() => this.#end.resolve())
  }

  /** Takes up the jobs that an earlier run left unfinished, and what is known of those that ended. */
  async resumeJobs(): Promise<void> {
    const { folder, archive, coordinator, blobs, logger, journals, following, disk = systemDisk } = this.#init
    for (const job of await journalledJobs(folder.jobs, disk)) {
      try {
        if (await archive.load(job)) continue
        const journal = await journals.open(job)
        const record = await journal.load()
        if (record && !record.ended) {
          coordinator.resume(record, journal)
          if (record.adoption) following.adopter.resumed(record.adoption)
          logger.info({ job, parts: record.parts.length }, 'a job goes on from its journal')
          continue
        }
        await journal.close()
        if (record) await archive.keep(statusOfRecord(record, journal.epoch), record.parts)
        await blobs.unpin(job)
      } catch (error) {
        logger.error({ job, error: notResumed(job, error) }, 'a job could not be taken up again')
      }
    }
    this.#restored.resolve()
  }

  /** A job has ended: keeps how, and lets its model go. */
  async keepEnded(status: JobStatus): Promise<void> {
    const { archive, coordinator, blobs, logger } = this.#init
    try {
      await archive.keep(status, coordinator.parts(status.job) ?? [])
    } catch (error) {
      logger.error({ job: status.job, error: String(error) }, 'the end of a job could not be kept')
    } finally {
      await blobs.unpin(status.job).catch((error) => logger.error({ error: String(error) }, 'a model stayed pinned'))
    }
  }

  #statuses(): JobStatus[] {
    const live = this.#init.coordinator.jobs()
    const known = new Set(live.map(({ job }) => job))
    return [...live, ...this.#init.archive.statuses().filter(({ job }) => !known.has(job))].sort(
      (a, b) => b.createdWallMs - a.createdWallMs,
    )
  }

  #peers(): PeerView[] {
    const { swarm, name, cluster, devices, clock } = this.#init
    const self: PeerView = {
      peer: swarm.self,
      name,
      self: true,
      state: 'alive',
      carrier: 'self',
      address: swarm.card().addresses[0] ?? '',
      software: SOFTWARE,
      role: cluster.own.role,
      silentMs: 0,
      devices: [...devices()],
      refusals: {},
    }
    return [self, ...peerViews(swarm, clock)]
  }

  /** What is left to say of a peer that is gone. */
  #lost(peer: string): void {
    const gone = absentPeer(peer, { state: 'lost', silentMs: limit('lostAfterMs') })
    this.events.publish({ type: 'peer', peer: gone })
  }

  #warnings(): string[] {
    const { swarm, config, clock, scrubbing } = this.#init
    const addresses = swarm.card().addresses
    const warnings: string[] = []
    if (config.listen.length > 0 && addresses.length === 0)
      warnings.push('no address is listened at: nobody can call this node')
    else if (
      config.listen.some((address) => address.includes('/quic-v1')) &&
      !addresses.some((a) => a.includes('/quic-v1'))
    )
      warnings.push('QUIC (UDP) is unavailable: TCP only, several times slower for many streams')
    const { island, clockSkewMs = 0 } = swarm.network()
    if (island) warnings.push(island.message)
    if (Math.abs(clockSkewMs) > limit('clockWarnMs')) warnings.push(skewSentence(clockSkewMs))
    for (const { peer, carrier } of swarm.members())
      if (carrier === 'tcp') warnings.push(`${peer.slice(-8)} is reached over TCP: UDP does not get through`)
    for (const [host, { code, message, gatedUntilMs }] of swarm.warden.hosts())
      if (gatedUntilMs > clock.monoMs()) warnings.push(`strangers from ${host} are kept out (${code}: ${message})`)
    for (const [peer, error] of swarm.refusedHellos())
      if (error.category === 'user') warnings.push(`${peer.slice(-8)} refused us: ${error.message}`)
    for (const { message } of scrubbing.damage.values()) warnings.push(message)
    return warnings
  }
}

function roleOf(role: string): MemberRole {
  const parsed = memberRoleSchema.safeParse(role)
  if (parsed.success) return parsed.data
  throw userError('invite.role', `expected a role of ${memberRoleSchema.options.join(', ')}, found ${role}`)
}
