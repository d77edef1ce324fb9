import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, userError } from '../../runtime/base/index.ts'
import type { WrittenElsewhere } from '../../runtime/data/blob/index.ts'
import type { AddDataRequest, DataEntry, DataKeeper } from '../../runtime/node/data-shelf/data-entry.ts'
import { EventBus } from '../../runtime/node/events.ts'
import type {
  AdoptJobRequest,
  CallOptions,
  FollowedView,
  InviteRequest,
  NodeInfo,
  NodeService,
} from '../../runtime/node/service.ts'
import { unknownJob } from '../../runtime/node/service.ts'
import type { JobRequest, JobStatus, PeerView, ResultPart } from '../../runtime/protocol/index.ts'
import { VirtualClock } from './virtual-clock.ts'

/** A peer id that looks real. */
export const FAKE_PEER = `12D3Koo${'W'.repeat(45)}`
const ACCOUNT = `ac_${'1'.repeat(40)}`

/** A job's status with everything at zero, changed where `changes` says so. */
export function jobStatus(changes: Partial<JobStatus> = {}): JobStatus {
  return {
    job: 'job-0000000000000000',
    name: 'test',
    program: 'infer',
    account: ACCOUNT,
    state: 'running',
    epoch: 1,
    createdWallMs: 1_000,
    shards: { emitted: 0, waiting: 0, running: 0, writing: 0, done: 0, failed: 0, copies: 0, retries: 0 },
    rows: { read: 0, done: 0 },
    bytes: { sent: 0, received: 0 },
    workers: [],
    refusals: {},
    outputDir: '/tmp/out',
    ...changes,
  }
}

/** A node that lives in memory: jobs do what the test tells them to. */
export class FakeNodeService implements NodeService {
  readonly events: EventBus
  restored: Promise<void> = Promise.resolve()
  readonly requests: JobRequest[] = []
  readonly calls: string[] = []
  readonly statuses = new Map<string, JobStatus>()
  readonly results = new Map<string, ResultPart[]>()
  accepting = true
  /** What {@link shelf} was asked to bring, and lists. */
  readonly added: AddDataRequest[] = []
  entries: DataEntry[] = []
  readonly shelf: DataKeeper = {
    add: async (request) => {
      this.added.push(request)
      return this.entries[0]!
    },
    put: async ({ name }, content) => {
      let bytes = 0
      if (typeof content === 'function') bytes = await bytesWritten(content)
      else for await (const { byteLength } of content) bytes += byteLength
      this.calls.push(`put ${bytes} bytes as ${name}`)
      return this.entries[0]!
    },
    list: async () => this.entries,
    remove: async (name) => void this.calls.push(`remove data ${name}`),
  }
  followedJobs: readonly FollowedView[] = []
  name = 'fake'
  /** Awaited by {@link submit}, with its signal. */
  onSubmit: (options: CallOptions) => Promise<void> = async () => {}
  #submitted = 0

  constructor(clock: Clock = new VirtualClock(), history?: number) {
    this.events = new EventBus({
      clock,
      snapshot: () => [
        ...[...this.statuses.values()].map((status) => ({ type: 'job' as const, status })),
        { type: 'peer', peer: this.#self() },
      ],
      ...(history !== undefined && { history }),
    })
  }

  /** Changes a job and publishes its new state. */
  update(job: string, changes: Partial<JobStatus>): JobStatus {
    const status = { ...(this.statuses.get(job) ?? jobStatus({ job })), ...changes }
    this.statuses.set(job, status)
    this.events.publish({ type: 'job', status })
    return status
  }

  async info(): Promise<NodeInfo> {
    return {
      peer: FAKE_PEER,
      name: this.name,
      account: ACCOUNT,
      cluster: { id: 'c'.repeat(64), name: 'lab' },
      role: 'admin',
      version: '0.1.0',
      pid: process.pid,
      startedWallMs: 1_000,
      addresses: ['/ip4/127.0.0.1/udp/4001/quic-v1'],
      warnings: ['UDP unavailable: TCP only'],
      devices: [],
      network: { connected: 0, reachable: 0, known: 0, missing: [], seeds: [] },
      disk: { usedBytes: 1, budgetBytes: 2, freeBytes: 3 },
      dataDir: '/tmp/aivida',
      strangers: [],
      load: { cpu: 0.25, rssBytes: 1_000_000, loopDelayP99Ms: 1.5 },
      accepting: this.accepting,
    }
  }

  async submit(request: JobRequest, options: CallOptions = {}): Promise<JobStatus> {
    if (!this.accepting) throw userError('node.draining', 'the node is shutting down; submit elsewhere')
    this.requests.push(request)
    await this.onSubmit(options)
    const job = `job-${String(++this.#submitted).padStart(16, '0')}`
    return this.update(job, { name: request.name ?? 'unnamed', createdWallMs: this.#submitted })
  }

  async jobs(): Promise<JobStatus[]> {
    return [...this.statuses.values()].reverse()
  }

  async job(id: string): Promise<JobStatus> {
    const status = this.statuses.get(id)
    if (!status) throw unknownJob(id, await this.jobs(), await this.followed())
    return status
  }

  async cancel(id: string, reason: string): Promise<JobStatus> {
    const { state } = await this.job(id)
    this.calls.push(`cancel ${id} ${reason}`)
    return this.update(id, state === 'running' ? { state: 'cancelled' } : {})
  }

  async scale(id: string, workers: number): Promise<JobStatus> {
    this.calls.push(`scale ${id} to ${workers}`)
    return this.update(id, { maxWorkers: workers })
  }

  async share(id: string, account: string): Promise<JobStatus> {
    const { sharedWith = [] } = await this.job(id)
    return this.update(id, { sharedWith: [...sharedWith, account] })
  }

  async unshare(id: string, account: string): Promise<JobStatus> {
    const { sharedWith = [] } = await this.job(id)
    return this.update(id, { sharedWith: sharedWith.filter((each) => each !== account) })
  }

  async shared(): Promise<JobStatus[]> {
    return [...this.statuses.values()].filter(({ sharedBy }) => sharedBy)
  }

  async adopt(id: string, { force, outputDir }: AdoptJobRequest): Promise<JobStatus> {
    this.calls.push(`adopt ${id}${force ? ' --force' : ''}${outputDir ? ` to ${outputDir}` : ''}`)
    return this.job(id)
  }

  async followed(): Promise<readonly FollowedView[]> {
    return this.followedJobs
  }

  async fetch(id: string) {
    const { outputDir } = await this.job(id)
    this.calls.push(`fetch ${id}`)
    const isWhole = this.calls.filter((call) => call === `fetch ${id}`).length > 1 // clients ask again
    return { folder: outputDir, isWhole, files: { done: 1, total: 2 }, bytes: { done: 10, total: 20 } }
  }

  async parts(id: string): Promise<ResultPart[]> {
    await this.job(id)
    return this.results.get(id) ?? []
  }

  async record(id: string): Promise<never> {
    throw userError('record.none', `no record of ${(await this.job(id)).job}`)
  }

  async bundle(id: string): Promise<AsyncIterable<Uint8Array>> {
    const { job } = await this.job(id)
    return (async function* () {
      yield Buffer.from(job)
    })()
  }

  async peers(): Promise<PeerView[]> {
    return [this.#self()]
  }

  async members() {
    return [{ peer: FAKE_PEER, name: this.name, account: ACCOUNT, role: 'admin', present: true }]
  }

  async invite({ uses = 0, expiresMs = 0, role = 'member' }: InviteRequest) {
    return { ticket: 'aivida-ticket', uses, expiresWallMs: Date.UTC(2026, 0, 1) + expiresMs, role }
  }

  async setSeeds(addresses: readonly string[]): Promise<void> {
    this.calls.push(`seeds ${addresses.join()}`)
  }

  async remove(peer: string, reason: string): Promise<void> {
    if (peer !== FAKE_PEER) throw userError('member.unknown', `no member ${peer}`)
    this.calls.push(`remove ${peer} ${reason}`)
  }

  async leave(): Promise<void> {
    this.calls.push('leave')
  }

  async pending() {
    return [{ peer: FAKE_PEER, name: 'newcomer', askedWallMs: 5 }]
  }

  async approve(peer: string): Promise<void> {
    this.calls.push(`approve ${peer}`)
  }

  async drain(): Promise<void> {
    this.accepting = false
  }

  async stop(): Promise<void> {
    this.calls.push('stop')
  }

  #self(): PeerView {
    return {
      peer: FAKE_PEER,
      name: this.name,
      self: true,
      state: 'alive',
      carrier: 'self',
      address: '',
      software: 'aivida/0.1.0',
      role: 'admin',
      silentMs: 0,
      devices: [],
      refusals: {},
    }
  }
}

async function bytesWritten(written: WrittenElsewhere): Promise<number> {
  const path = join(tmpdir(), `aivida-fake-${process.pid}-${drafts++}`)
  await using file = await open(path, 'wx')
  try {
    for await (const _ of written({ path, inode: (await file.stat()).ino }));
    return (await file.stat()).size
  } finally {
    await rm(path)
  }
}

let drafts = 0
