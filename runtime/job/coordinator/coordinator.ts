import { type Digest, every, limit, peerError, userError } from '../../base/index.ts'
import type {
  Adoption,
  CalledJob,
  ControlMessageOf,
  HeldLease,
  JobSpec,
  JobStatus,
  RefusalCounts,
  ResultPart,
  Signed,
} from '../../protocol/index.ts'
import type { JobJournal, JobRecord } from '../journal/index.ts'
import {
  initialState,
  type LeaseOrder,
  type SchedulerEvent,
  type SchedulerInstruction,
  step,
} from '../scheduler/index.ts'
import { type GivenUp, giveUp, journalRolledBack } from './giving-up.ts'
import { JobRun } from './job-run.ts'
import { countRefusals, statusOf } from './job-status.ts'
import { Notices } from './notices.ts'
import { Offers } from './offers.ts'
import { Orders } from './orders.ts'
import type { CoordinatorPorts } from './ports.ts'
import { assertLeased, wasGiven } from './receipt-check.ts'
import { verifiedResults } from './receipts.ts'
import type { VerifiedResult } from './results.ts'
import { withinReason } from './retry-wish.ts'
import { RollCalls } from './roll-calls.ts'
import { StatusFeed } from './status-feed.ts'

/** The scheduler looks at deadlines this often. */
const TICK_MS = 250
/** An unanswered peer is asked again after this. */
const RETRY_MS = 1_000

/**
 * The submitter's side of jobs: drives the one scheduler that its jobs share, turns orders into signed offers, checks
 * what workers answer, and keeps a {@link JobRun} for each job.
 */
export class Coordinator {
  readonly #ports: CoordinatorPorts
  readonly #scheduler = initialState()
  readonly #runs = new Map<string, JobRun>()
  readonly #offers: Offers
  readonly #orders: Orders
  readonly #rollCalls: RollCalls
  readonly #notices: Notices
  /** Verified results on their way through the scheduler, by lease. */
  readonly #results = new Map<string, VerifiedResult>()
  readonly #statuses: StatusFeed
  /** Output folders of jobs that are being submitted. */
  readonly #claimed = new Set<string>()
  readonly #stops: (() => void)[] = []

  constructor(ports: CoordinatorPorts) {
    this.#ports = ports
    this.#offers = new Offers(ports)
    this.#statuses = new StatusFeed(ports.clock, (job) => this.#publish(job))
    this.#rollCalls = new RollCalls(ports, () => this.#calledJobs())
    this.#orders = new Orders({
      clock: ports.clock,
      send: (peer, orders) => this.#send(peer, orders),
      sending: (peer, sent) => this.#rollCalls.after(peer, sent),
    })
    this.#notices = new Notices(ports)
  }

  start(): void {
    const { swarm, clock } = this.#ports
    for (const [message, type] of [
      ['accept', 'accepted'],
      ['progress', 'progress'],
    ] as const)
      swarm.on(message, (peer, { leases }) => {
        this.#assertHeld(peer, leases)
        this.#dispatch({ type, peer, leases })
      })
    swarm.on('decline', (peer, message) => this.#declined(peer, message))
    swarm.on('failed', (peer, message) => this.#failed(peer, message))
    swarm.on('receipts', (peer, message, body) => this.#received(peer, message, body))
    swarm.on('held', (peer, message) => this.#held(peer, message))
    this.#stops.push(
      swarm.subscribe({
        card: (peer, { devices }) => {
          const isNew = !this.#scheduler.workers.has(peer)
          this.#dispatch({ type: 'worker', peer, devices })
          // Its process may be another one: a link that was not in use does not show that.
          if (isNew || this.#employs(peer)) this.#rollCalls.call(peer)
        },
        suspect: (peer) => this.#dispatch({ type: 'worker-suspect', peer }),
        alive: (peer) => {
          this.#dispatch({ type: 'worker-alive', peer })
          this.#rollCalls.call(peer)
        },
        lost: (peer) => {
          this.#rollCalls.forget(peer)
          this.#dispatch({ type: 'worker-lost', peer })
        },
      }),
      every(clock, TICK_MS, () => {
        this.#notices.flush()
        if (this.#scheduler.jobs.size > 0) this.#dispatch({ type: 'tick' })
      }),
    )
  }

  /** Stops driving; running jobs can be resumed from their journals. */
  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop()
    this.#rollCalls.stop()
    await Promise.all([...this.#runs.values()].map((run) => run.suspend()))
  }

  /** Journals a new job and starts it. Throws `job.too-many`, `job.output-exists`, `log.*`. */
  async submit(spec: JobSpec): Promise<JobStatus> {
    this.#claim(spec)
    try {
      const journal = await this.#ports.openJournal(spec.job)
      try {
        await journal.append({ type: 'created', spec })
      } catch (error) {
        await journal.close()
        throw error
      }
      return this.#run(spec, journal)
    } finally {
      this.#claimed.delete(spec.outputDir)
    }
  }

  /** Takes a place and an output folder before anything is awaited, so that two jobs never share one. */
  #claim({ outputDir }: JobSpec): void {
    const running = [...this.#runs.values()].filter((run) => run.state === 'running')
    const live = running.length + this.#claimed.size
    if (live >= limit('jobsPerNode'))
      throw userError('job.too-many', `${live} jobs are running, the most one node coordinates; wait for one to end`)
    if (this.#claimed.has(outputDir) || running.some((run) => run.spec.outputDir === outputDir))
      throw userError('job.output-exists', `${outputDir} belongs to a running job; choose another output folder`)
    this.#claimed.add(outputDir)
  }

  /**
   * Goes on with a job from its journal. What its workers have finished, or are at, is asked for before anything is
   * leased anew.
   */
  resume(record: JobRecord, journal: JobJournal): JobStatus {
    const status = this.#run(record.spec, journal, record)
    for (const peer of this.#scheduler.workers.keys()) this.#rollCalls.call(peer)
    return status
  }

  /** Jobs of this node since it started, newest first. */
  jobs(): JobStatus[] {
    return [...this.#runs.keys()].reverse().map((job) => this.status(job)!)
  }

  status(job: string): JobStatus | undefined {
    const run = this.#runs.get(job)
    return run && statusOf(run, this.#scheduler, this.#ports.nameOf)
  }

  parts(job: string): readonly ResultPart[] | undefined {
    const parts = this.#runs.get(job)?.parts
    return parts && [...parts].sort((a, b) => a.index - b.index)
  }

  async cancel(job: string, reason: string): Promise<void> {
    await this.#runs.get(job)?.cancel(reason)
  }

  /** A follower has seen more of a job's journal than there is: going on would give entries out twice. */
  async rolledBack(job: string, seen: { readonly seq: number; readonly by: string }): Promise<void> {
    await this.#runs.get(job)?.fail(journalRolledBack(job, seen))
  }

  /** Gives a job up to the node that adopts it. Throws `job.unknown`, `job.ended`, `adoption.*`. */
  async giveUp(adoption: Adoption, signed: Signed): Promise<GivenUp> {
    return giveUp(this.#runs.get(adoption.job), this.#ports.swarm.self, adoption, signed)
  }

  /** Why this submitter's shards do not go to a peer: told to it in heartbeats. */
  refusalsOf(peer: string): RefusalCounts {
    return countRefusals(this.#scheduler, peer)
  }

  /** Whether a grant of this job may still be honoured here. */
  serves(job: string): boolean {
    return this.#runs.get(job)?.state === 'running'
  }

  /** Bytes of a job's blobs that went to a worker. */
  sent(job: string, sizeBytes: number): void {
    const run = this.#runs.get(job)
    if (run) run.bytes.sent += sizeBytes
  }

  #run(spec: JobSpec, journal: JobJournal, before?: JobRecord): JobStatus {
    const run: JobRun = new JobRun(
      this.#ports,
      spec,
      journal,
      {
        add: (job, shards) => this.#dispatch({ type: 'shards', job, shards }),
        cancel: (job, shards) => this.#dispatch({ type: 'shards-cancelled', job, shards }),
        foundResult: (job, result) => {
          this.#note(job, result.receipt.shard, 'accepted', result.receipt.worker)
          run.take(result)
        },
        settle: (peer, lease) => this.#notices.settle(peer, lease),
        ended: (job) => {
          const { copies, retries } = this.#scheduler.jobs.get(job) ?? run
          Object.assign(run, { copies, retries })
          this.#dispatch({ type: 'job-closed', job }, run.state === 'adopted')
          this.#offers.forget(job)
        },
        publish: (job) => this.#statuses.flush(job),
      },
      before,
    )
    this.#runs.set(spec.job, run)
    this.#forgetEnded()
    this.#dispatch({
      type: 'job-opened',
      job: spec.job,
      epoch: journal.epoch,
      kind: 'infer',
      requirements: spec.request.requirements,
      maxLeases: spec.request.maxShardsInFlight ?? limit('shardsInFlight'),
      awaited: run.workforce.peers(),
    })
    run.start()
    this.#statuses.touch(spec.job)
    return statusOf(run, this.#scheduler, this.#ports.nameOf)
  }

  #employs(peer: string): boolean {
    for (const run of this.#runs.values()) if (run.state === 'running' && run.workforce.has(peer)) return true
    return false
  }

  #calledJobs(): CalledJob[] {
    return [...this.#runs.values()]
      .filter((run) => run.state === 'running')
      .map((run) => ({
        job: run.spec.job,
        epoch: run.epoch,
        before: this.#scheduler.jobs.get(run.spec.job)?.nextLease ?? 0,
        ...(run.adoption && { adoption: run.adoption }),
      }))
  }

  #forgetEnded(): void {
    for (const [job, run] of this.#runs) {
      if (this.#runs.size <= 4 * limit('jobsPerNode')) return
      if (run.state !== 'running') this.#runs.delete(job)
    }
  }

  /** `quietly`: leases are not called off, because another node takes them over. */
  #dispatch(event: SchedulerEvent, quietly = false): void {
    for (const instruction of step(this.#scheduler, event, this.#ports.clock.monoMs()))
      if (!quietly || instruction.type !== 'cancel') this.#execute(instruction)
  }

  #execute(instruction: SchedulerInstruction): void {
    switch (instruction.type) {
      case 'offer':
        this.#orders.add(instruction.peer, instruction.leases)
        return
      case 'cancel':
        this.#notices.cancel(instruction.peer, instruction.leases, instruction.reason)
        return
      case 'result': {
        const first = this.#results.get(instruction.lease)
        if (first) this.#runs.get(instruction.job)?.take(first)
        this.#note(instruction.job, instruction.shard, 'accepted', instruction.peer)
        return
      }
      case 'poison':
        this.#note(instruction.job, instruction.shard, 'poison')
        this.#runs.get(instruction.job)?.poison(instruction.shard, instruction.failures)
        return
      case 'note':
        this.#note(instruction.job, instruction.shard, instruction.phase, instruction.peer, instruction.reason)
    }
  }

  async #send(peer: string, orders: readonly LeaseOrder[]): Promise<void> {
    const known = orders.flatMap((order) => {
      const run = this.#runs.get(order.job)
      const shard = run?.shards.get(order.shard)
      const isLeased = this.#scheduler.leases.has(order.lease) // it may have been called off meanwhile
      return run && shard && isLeased ? [{ order, job: run.spec, epoch: run.epoch, shard, run }] : []
    })
    if (known.length === 0) return
    try {
      await Promise.all(new Set(known.map(({ run }) => run)).values().map((run) => run.workforce.take(peer)))
      const bytes = await this.#offers.send(peer, known)
      known[0]!.run.bytes.sent += bytes
    } catch (error) {
      this.#ports.logger.debug({ peer, error: String(error) }, 'an offer could not be sent')
      const leases = orders.map(({ lease }) => ({ lease, reason: 'busy' as const, retryAfterMs: RETRY_MS }))
      this.#dispatch({ type: 'declined', peer, leases })
    }
  }

  /** A worker shows by what other nodes took jobs of ours over. */
  #shown(adoptions: readonly Signed[]): void {
    for (const signed of adoptions) this.giveUp(this.#ports.openAdoption(signed), signed).catch(() => {}) // not ours
  }

  #declined(peer: string, { leases, adoptions = [] }: ControlMessageOf<'decline'>): void {
    this.#shown(adoptions)
    this.#dispatch({ type: 'declined', peer, leases: leases.map(withinReason) })
  }

  /** Reports a peer that speaks of leases of which it holds none. */
  #assertHeld(peer: string, leases: readonly string[]): void {
    if (leases.some((lease) => this.#scheduler.leases.get(lease)?.device.worker.peer === peer)) return
    this.#ports.swarm.report(peer, peerError('lease.not-held', `${peer} holds none of the leases it speaks of`))
  }

  #failed(peer: string, { leases }: ControlMessageOf<'failed'>): void {
    this.#assertHeld(
      peer,
      leases.map(({ lease }) => lease),
    )
    for (const { lease, code, message, retryable } of leases)
      this.#dispatch({ type: 'failed', peer, lease, failure: { peer, code, message, retryable } })
  }

  #received(peer: string, message: ControlMessageOf<'receipts'>, body: Uint8Array): void {
    const { leases } = this.#scheduler
    for (const result of verifiedResults(this.#ports, leases, peer, message, body)) this.#receive(peer, result)
  }

  #receive(peer: string, result: VerifiedResult): void {
    const { job, shard, lease } = result.receipt
    const run = this.#runs.get(job)
    if (!run) {
      // Of a job that has not been taken up here: the worker keeps it.
      this.#ports.swarm.report(peer, peerError('receipt.late', `${peer} sent a receipt of ${job}, which is not here`))
      return
    }
    if (run.state === 'adopted') return // its adopter asks for it
    const isLeased = this.#scheduler.leases.has(lease)
    if (!isLeased) assertLeased(this.#scheduler.jobs.get(job), run.workforce.has(peer), result.receipt)
    if (run.state !== 'running' || !(isLeased || run.workforce.has(peer))) this.#notices.settle(peer, lease)
    else if (this.#scheduler.jobs.get(job)?.shards.has(shard)) {
      this.#results.set(lease, result)
      this.#dispatch({ type: 'receipt', peer, lease, job, shard })
      this.#results.delete(lease)
    } else run.takeLate(result)
  }

  /** What a worker holds of our jobs. Leases whose result nobody waits for are called off, the others found again. */
  #held(peer: string, { jobs, leases, adoptions = [] }: ControlMessageOf<'held'>): void {
    this.#shown(adoptions)
    const wanted: HeldLease[] = []
    const useless: string[] = []
    for (const held of leases) {
      const run = this.#runs.get(held.job)
      if (!run || run.state === 'adopted' || (run.state === 'running' && !run.workforce.has(peer))) continue
      if (!wasGiven(this.#scheduler.jobs.get(held.job), held)) continue
      if (run.state !== 'running' || run.isOver(held.shard) || run.hasResult(held.shard)) useless.push(held.lease)
      else wanted.push(held)
    }
    this.#notices.cancel(peer, useless, 'superseded')
    this.#dispatch({ type: 'held', peer, jobs, leases: wanted })
  }

  #note(
    job: string,
    shard: Digest,
    phase: 'leased' | 'declined' | 'copied' | 'lapsed' | 'accepted' | 'retried' | 'poison' | 'cancelled',
    worker?: string,
    reason?: string,
  ): void {
    this.#ports.emit({
      type: 'shard',
      job,
      shard,
      phase,
      ...(worker !== undefined && { worker }),
      ...(reason !== undefined && { reason }),
    })
    this.#statuses.touch(job)
  }

  #publish(job: string): void {
    const status = this.status(job)
    if (status) this.#ports.emit({ type: 'job', status })
  }
}
