import { statfs } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { deadline, limit, peerError, userError } from '../base/index.ts'
import type {
  Adoption,
  JobRecordDocument,
  JobRequest,
  JobStatus,
  NodeEventBody,
  PeerView,
  ResultPart,
} from '../protocol/index.ts'
import { MembershipDesk } from './cluster/membership-desk.ts'
import { absentPeer, peerViews, strangerViews } from './cluster/peer-views.ts'
import type { DataKeeper } from './data-shelf/data-entry.ts'
import { assertFreeFolder } from './jobs/adoption-ports.ts'
import { followedViews } from './jobs/followed-views.ts'
import { readSlice } from './jobs/job-following.ts'
import { keepEnded, resumeJobs } from './jobs/job-lives.ts'
import type { LocalServiceInit } from './local-service-init.ts'
import { nodeWarnings } from './node-warnings.ts'
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
import { type FetchedFiles, type JobReference, parseJobReference, readOnly, type SharedJobs } from './sharing/index.ts'
import { prepareJob } from './submission/submission.ts'
import { SOFTWARE, VERSION } from './version.ts'

/** A client that waits for another node's files hears of it so often. */
const FETCH_REPLY_MS = 5_000

/** What a running node can do, on the parts it is made of. */
export class LocalService implements NodeService {
  /** Resolves when a client has asked the node to stop. */
  readonly ended: Promise<void>
  readonly restored: Promise<void>
  readonly #init: LocalServiceInit
  readonly #membership: MembershipDesk
  readonly #startedWallMs: number
  readonly #end = Promise.withResolvers<void>()
  readonly #restored = Promise.withResolvers<void>()
  #accepting = false
  #draining: Promise<void> | undefined

  constructor(init: LocalServiceInit) {
    this.#init = init
    this.#membership = new MembershipDesk(init)
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
      ...[...this.#statuses(), ...this.#init.sharedJobs.recent()].map(
        (status): NodeEventBody => ({ type: 'job', status }),
      ),
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
      warnings: nodeWarnings(this.#init),
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
    const status = (await this.#own(id)) ?? (await this.#shared(id, (sharedJobs, job) => sharedJobs.status(job)))
    if (!status) throw unknownJob(id, this.#statuses(), await this.followed())
    return status
  }

  async cancel(id: string, reason: string): Promise<JobStatus> {
    const { job } = await this.#ours(id)
    await this.#init.coordinator.cancel(job, reason)
    return this.job(job)
  }

  async scale(id: string, workers: number): Promise<JobStatus> {
    const { job } = await this.#ours(id)
    await this.#init.coordinator.scale(job, workers)
    return this.job(job)
  }

  async share(id: string, account: string): Promise<JobStatus> {
    const { job } = await this.#ours(id)
    return (await this.#init.shares.set(job, account, true)) ?? this.job(job)
  }

  async unshare(id: string, account: string): Promise<JobStatus> {
    const { job } = await this.#ours(id)
    return (await this.#init.shares.set(job, account, false)) ?? this.job(job)
  }

  async shared(): Promise<readonly JobStatus[]> {
    return this.#init.sharedJobs.list()
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

  async fetch(id: string): Promise<FetchedFiles> {
    const { outputDir, sharedBy } = await this.job(id)
    const fetched = sharedBy && (await this.#shared(id, (sharedJobs, job) => sharedJobs.fetch(job, FETCH_REPLY_MS)))
    const none = { done: 0, total: 0 }
    return fetched ?? { folder: outputDir, isWhole: true, files: none, bytes: none }
  }

  async parts(id: string): Promise<readonly ResultPart[]> {
    const { job, outputDir, sharedBy } = await this.job(id)
    const read = sharedBy && (await this.#shared(id, (sharedJobs, reference) => sharedJobs.parts(reference)))
    const parts = read ?? (await this.#init.shares.parts(job))
    return parts.map((part) => ({ ...part, file: isAbsolute(part.file) ? part.file : join(outputDir, part.file) }))
  }

  async record(id: string): Promise<JobRecordDocument> {
    await this.restored
    const own = await this.#own(id)
    if (own) return this.#init.records.record(own)
    const told = await this.#shared(id, (sharedJobs, job) => sharedJobs.record(job))
    return told ?? this.#init.records.record(await this.job(id))
  }

  async bundle(id: string, options: { readonly data: boolean }): Promise<AsyncIterable<Uint8Array>> {
    return this.#init.records.bundle(await this.#ours(id), options)
  }

  async peers(): Promise<readonly PeerView[]> {
    return this.#peers()
  }

  members(): Promise<readonly MemberView[]> {
    return this.#membership.members()
  }

  invite(request: InviteRequest): Promise<Invite> {
    return this.#membership.invite(request)
  }

  setSeeds(addresses: readonly string[]): Promise<void> {
    return this.#membership.setSeeds(addresses)
  }

  remove(peer: string, reason: string): Promise<void> {
    return this.#membership.remove(peer, reason)
  }

  pending(): Promise<readonly PendingView[]> {
    return this.#membership.pending()
  }

  approve(peer: string): Promise<void> {
    return this.#membership.approve(peer)
  }

  async leave(): Promise<void> {
    const { cluster, swarm } = this.#init
    await this.drain()
    await swarm.sayGoodbye(await cluster.leave())
    this.#end.resolve()
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

  /** See the function of that name. */
  async resumeJobs(): Promise<void> {
    await resumeJobs(this.#init)
    this.#restored.resolve()
  }

  /** See the function of that name. */
  keepEnded(status: JobStatus): Promise<void> {
    return keepEnded(this.#init, status)
  }

  /** A job of this node; also by `JOB@NODE`. */
  async #own(id: string): Promise<JobStatus | undefined> {
    const { coordinator, archive, swarm } = this.#init
    const job = id.endsWith(`@${swarm.self}`) ? id.slice(0, -swarm.self.length - 1) : id
    return coordinator.status(job) ?? (await archive.load(job))?.status
  }

  /** What can only be asked for at the node of a job. Throws `job.unknown`, `share.read-only`. */
  async #ours(id: string): Promise<JobStatus> {
    const status = await this.job(id)
    if (status.sharedBy) throw readOnly(status)
    return status
  }

  async #shared<T>(id: string, ask: (sharedJobs: SharedJobs, job: JobReference) => Promise<T>): Promise<T | undefined> {
    const reference = parseJobReference(id)
    return reference && ask(this.#init.sharedJobs, reference)
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
}
