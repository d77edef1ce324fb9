import { type Digest, every, userError } from '../../base/index.ts'
import {
  type Adoption,
  type CalledJob,
  inputsOf,
  type JobSpec,
  type JobStatus,
  type RefusalCounts,
  type ResultPart,
  type Signed,
} from '../../protocol/index.ts'
import type { JobJournal, JobRecord } from '../journal/index.ts'
import {
  initialState,
  type LeaseOrder,
  type SchedulerEvent,
  type SchedulerInstruction,
  step,
} from '../scheduler/index.ts'
import { giveUp, journalRolledBack } from './giving-up.ts'
import type { GivenUp } from './job-end.ts'
import { JobRun } from './job-run.ts'
import { countRefusals, statusOf } from './job-status.ts'
import { Notices } from './notices.ts'
import { Offers } from './offers.ts'
import { opened } from './opening.ts'
import { Orders } from './orders.ts'
import type { CoordinatorPorts } from './ports.ts'
import { Replies } from './replies.ts'
import type { VerifiedResult } from './results.ts'
import { RollCalls } from './roll-calls.ts'
import { Runs } from './runs.ts'
import { StatusFeed } from './status-feed.ts'

/** The scheduler looks at deadlines this often. */
const TICK_MS = 250
/** An unanswered peer is asked again after this. */
const RETRY_MS = 1_000

/**
 * The submitter's side of jobs: drives the one scheduler that its jobs share, turns orders into offers, and keeps a
 * {@link JobRun} for each job.
 */
export class Coordinator {
  readonly #ports: CoordinatorPorts
  readonly #scheduler = initialState()
  readonly #runs = new Runs()
  readonly #offers: Offers
  readonly #orders: Orders
  readonly #rollCalls: RollCalls
  readonly #notices: Notices
  readonly #replies: Replies
  /** Verified results on their way through the scheduler, by lease. */
  readonly #results = new Map<string, VerifiedResult>()
  readonly #statuses: StatusFeed
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
    this.#replies = new Replies({
      ports,
      runs: this.#runs,
      scheduler: this.#scheduler,
      notices: this.#notices,
      hear: (event) => this.#dispatch(event),
      take: (result) => this.#take(result),
    })
  }

  start(): void {
    const { swarm, clock } = this.#ports
    this.#replies.start()
    this.#stops.push(
      swarm.subscribe({
        card: (peer, { devices }) => {
          const isNew = !this.#scheduler.workers.has(peer)
          this.#dispatch({ type: 'worker', peer, devices })
          // Its process may be another one: a link that was not in use does not show that.
          if (isNew || this.#runs.employ(peer)) this.#call(peer)
        },
        suspect: (peer) => this.#dispatch({ type: 'worker-suspect', peer }),
        alive: (peer) => {
          this.#dispatch({ type: 'worker-alive', peer })
          this.#call(peer)
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
    await Promise.all(this.#runs.all().map((run) => run.suspend()))
  }

  /** Journals a new job and starts it. Throws `job.too-many`, `job.output-exists`, `log.*`. */
  async submit(spec: JobSpec): Promise<JobStatus> {
    this.#runs.claim(spec)
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
      this.#runs.release(spec)
    }
  }

  /**
   * Goes on with a job from its journal. What its workers have finished, or are at, is asked for before anything is
   * leased anew.
   */
  resume(record: JobRecord, journal: JobJournal): JobStatus {
    const status = this.#run(record.spec, journal, record)
    for (const peer of this.#scheduler.workers.keys()) this.#call(peer)
    return status
  }

  /** Jobs of this node since it started, newest first. */
  jobs(): JobStatus[] {
    return this.#runs
      .all()
      .reverse()
      .map((run) => this.#statusOf(run))
  }

  status(job: string): JobStatus | undefined {
    const run = this.#runs.get(job)
    return run && this.#statusOf(run)
  }

  /** Whose a job is. */
  accountOf(job: string): string | undefined {
    return this.#runs.get(job)?.spec.account
  }

  parts(job: string): readonly ResultPart[] | undefined {
    const parts = this.#runs.get(job)?.parts
    return parts && [...parts].sort((a, b) => a.index - b.index)
  }

  async cancel(job: string, reason: string): Promise<void> {
    await this.#runs.get(job)?.cancel(reason)
  }

  /** From now on a job may have so many workers at once. Throws `job.ended`, `scale.*`, `log.*`. */
  async scale(job: string, workers: number): Promise<void> {
    const run = this.#runs.get(job)
    if (run?.state !== 'running') throw userError('job.ended', `${job} is not running here, and has no workers`)
    await run.scaling.to(workers)
  }

  /**
   * From now on nodes of these accounts, and of no others beside its own, may read a job. Whether that was journalled: the journal
   * of one that has ended is closed, see {@link noteShares}. Throws `log.*`.
   */
  async share(job: string, accounts: readonly string[]): Promise<boolean> {
    const run = this.#runs.get(job)
    if (!run || !(run.state === 'running' || run.isKeeping)) return false
    await run.sharing.to(accounts)
    this.#statuses.touch(job)
    return true
  }

  /** Of a job that has ended, whose journal says so. */
  noteShares(job: string, accounts: readonly string[]): void {
    this.#runs.get(job)?.sharing.noted(accounts)
  }

  /** A follower has seen more of a job's journal than there is: going on would give entries out twice. */
  async rolledBack(job: string, seen: { readonly seq: number; readonly by: string }): Promise<void> {
    await this.#runs.get(job)?.fail(journalRolledBack(job, seen))
  }

  /** Gives a job up to the node that adopts it. Throws `job.unknown`, `job.ended`, `adoption.*`. */
  async giveUp(adoption: Adoption, signed: Signed): Promise<GivenUp> {
    return giveUp(this.#runs.get(adoption.job), this.#ports.swarm.self, adoption, signed)
  }

  /** A job that has ended here goes on elsewhere, by this adoption. */
  goesOn(job: string, adoption: Signed): void {
    Object.assign(this.#runs.get(job) ?? {}, { adoption })
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
    if (run) run.tally.bytes.sent += sizeBytes
  }

  #run(spec: JobSpec, journal: JobJournal, before?: JobRecord): JobStatus {
    const run: JobRun = new JobRun(
      this.#ports,
      spec,
      journal,
      {
        add: (job, shards, only) =>
          this.#dispatch({ type: 'shards', job, shards, ...(only !== undefined && { only }) }),
        cancel: (job, shards) => this.#dispatch({ type: 'shards-cancelled', job, shards }),
        foundResult: (job, result) => {
          this.#note(job, result.receipt.shard, 'accepted', result.receipt.worker)
          run.take(result)
        },
        scale: (job, maxWorkers) => {
          this.#dispatch({ type: 'job-scaled', job, maxWorkers })
          this.#statuses.touch(job)
        },
        settle: (peer, lease) => this.#notices.settle(peer, lease),
        ended: (job) => {
          const { copies, retries } = this.#scheduler.jobs.get(job) ?? run.tally
          Object.assign(run.tally, { copies, retries })
          this.#dispatch({ type: 'job-closed', job }, run.state === 'adopted')
          this.#offers.forget(job)
        },
        changed: (job) => this.#statuses.touch(job),
        publish: (job) => this.#statuses.flush(job),
      },
      before,
    )
    this.#runs.add(run)
    this.#dispatch(opened(run))
    run.start()
    this.#statuses.touch(spec.job)
    return this.#statusOf(run)
  }

  /** A worker came, or came back: what it has is asked for, and what it may not know any more is told again. */
  #call(peer: string): void {
    this.#offers.introduce(peer)
    this.#rollCalls.call(peer)
  }

  #statusOf(run: JobRun): JobStatus {
    return statusOf(run, this.#scheduler, this.#ports.nameOf)
  }

  #calledJobs(): CalledJob[] {
    return this.#runs.running().map(({ spec: { job }, epoch, adoption }) => ({
      job,
      epoch,
      before: this.#scheduler.jobs.get(job)?.nextLease ?? 0,
      ...(adoption && { adoption }),
    }))
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
      case 'workers':
        this.#runs.get(instruction.job)?.meet(instruction.workers)
        return
      case 'note':
        this.#note(instruction.job, instruction.shard, instruction.phase, instruction.peer, instruction.reason)
    }
  }

  async #send(peer: string, orders: readonly LeaseOrder[]): Promise<void> {
    const known = () =>
      orders.flatMap((order) => {
        const run = this.#runs.get(order.job)
        const shard = run?.shards.get(order.shard)
        const isLeased = this.#scheduler.leases.has(order.lease) // it may have been called off meanwhile
        return run && shard && isLeased ? [{ order, job: run.spec, epoch: run.epoch, shard, run }] : []
      })
    try {
      await Promise.all(new Set(known().map(({ run }) => run)).values().map((run) => run.workforce.take(peer)))
      const offered = known()
      if (offered.length === 0) return
      const inline = new Set(await this.#offers.send(peer, offered))
      for (const { run, shard } of offered) {
        const inputs = inputsOf(shard)
        if (inputs && inline.has(inputs)) run.tally.bytes.sent += inputs.sizeBytes
      }
    } catch (error) {
      this.#ports.logger.debug({ peer, error: String(error) }, 'an offer could not be sent')
      const leases = orders.map(({ lease }) => ({ lease, reason: 'busy' as const, retryAfterMs: RETRY_MS }))
      this.#dispatch({ type: 'declined', peer, leases })
    }
  }

  /** A result of a shard that is wanted: should it be the first, the scheduler says so within its step. */
  #take(result: VerifiedResult): void {
    const { worker: peer, lease, job, shard } = result.receipt
    this.#results.set(lease, result)
    this.#dispatch({ type: 'receipt', peer, lease, job, shard })
    this.#results.delete(lease)
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
