import { peerError } from '../../base/index.ts'
import type { ControlMessageOf, HeldLease, Signed } from '../../protocol/index.ts'
import type { SchedulerEvent, SchedulerState } from '../scheduler/index.ts'
import { giveUp } from './giving-up.ts'
import type { JobRun } from './job-run.ts'
import type { Notices } from './notices.ts'
import type { CoordinatorPorts } from './ports.ts'
import { assertLeased, wasGiven } from './receipt-check.ts'
import { verifiedResults } from './receipts.ts'
import type { VerifiedResult } from './results.ts'
import type { Runs } from './runs.ts'

/** A worker says when it is asked again after a refusal: not at once, and within this. Milliseconds. */
const [RETRY_SOONEST_MS, RETRY_LATEST_MS] = [100, 60_000]

/** What {@link Replies} needs. */
export interface RepliesInit {
  readonly ports: Pick<CoordinatorPorts, 'swarm' | 'matches' | 'openAdoption' | 'emit'>
  readonly runs: Runs
  /** To look at; it changes by what it hears alone. */
  readonly scheduler: SchedulerState
  readonly notices: Notices
  readonly hear: (event: SchedulerEvent) => void
  /** A result of a shard that is wanted; whether it is the first, the scheduler says. */
  readonly take: (result: VerifiedResult) => void
}

/** What workers answer to offers and roll calls: each word is checked before the scheduler hears of it. */
export class Replies {
  readonly #init: RepliesInit

  constructor(init: RepliesInit) {
    this.#init = init
  }

  start(): void {
    const { ports, hear } = this.#init
    ports.swarm.on('accept', (peer, { leases }) => {
      this.#assertHeld(peer, leases)
      hear({ type: 'accepted', peer, leases })
    })
    ports.swarm.on('progress', (peer, { leases, training }) => {
      this.#assertHeld(peer, leases)
      if (training) this.#trained(peer, training)
      hear({ type: 'progress', peer, leases })
    })
    ports.swarm.on('decline', (peer, message) => this.#declined(peer, message))
    ports.swarm.on('failed', (peer, message) => this.#failed(peer, message))
    ports.swarm.on('receipts', (peer, message, body) => this.#received(peer, message, body))
    ports.swarm.on('held', (peer, message) => this.#held(peer, message))
  }

  /** A training goes on; a lease that lapsed meanwhile says nothing of it. */
  #trained(worker: string, { lease: id, ...progress }: NonNullable<ControlMessageOf<'progress'>['training']>): void {
    const { ports, scheduler } = this.#init
    const lease = scheduler.leases.get(id)
    if (lease?.device.worker.peer === worker) ports.emit({ type: 'training', job: lease.job.id, worker, ...progress })
  }

  #declined(peer: string, { leases, adoptions = [] }: ControlMessageOf<'decline'>): void {
    this.#shown(adoptions)
    const within = (ms: number) => Math.min(Math.max(ms, RETRY_SOONEST_MS), RETRY_LATEST_MS)
    const declined = leases.map(({ lease, reason, retryAfterMs: ms }) => ({ lease, reason, retryAfterMs: within(ms) }))
    this.#init.hear({ type: 'declined', peer, leases: declined })
  }

  #failed(peer: string, { leases }: ControlMessageOf<'failed'>): void {
    this.#assertHeld(
      peer,
      leases.map(({ lease }) => lease),
    )
    for (const { lease, code, message, retryable } of leases)
      this.#init.hear({ type: 'failed', peer, lease, failure: { peer, code, message, retryable } })
  }

  #received(peer: string, message: ControlMessageOf<'receipts'>, body: Uint8Array): void {
    const { ports, scheduler } = this.#init
    for (const result of verifiedResults(ports, scheduler.leases, peer, message, body)) this.#receive(peer, result)
  }

  #receive(peer: string, result: VerifiedResult): void {
    const { ports, runs, scheduler, notices } = this.#init
    const { job, lease } = result.receipt
    const run = runs.get(job)
    if (!run) {
      // Of a job that has not been taken up here: the worker keeps it.
      ports.swarm.report(peer, peerError('receipt.late', `${peer} sent a receipt of ${job}, which is not here`))
      return
    }
    if (run.state === 'adopted') return // its adopter asks for it
    const isLeased = scheduler.leases.has(lease)
    if (!isLeased) assertLeased(scheduler.jobs.get(job), run.workforce.has(peer), result.receipt)
    if (run.state !== 'running' || !(isLeased || run.workforce.has(peer))) notices.settle(peer, lease)
    else this.#judge(peer, run, result)
  }

  #judge(peer: string, run: JobRun, result: VerifiedResult): void {
    const { ports, scheduler, notices, hear, take } = this.#init
    const { job, shard, lease } = result.receipt
    const fault = run.faultIn(result)
    if (fault) {
      ports.swarm.report(peer, fault)
      notices.settle(peer, lease)
      const { code, message } = fault
      hear({ type: 'failed', peer, lease, failure: { peer, code, message, retryable: false } })
    } else if (run.rounds.isElsewhere(result)) notices.settle(peer, lease)
    else if (scheduler.jobs.get(job)?.shards.has(shard)) take(result)
    else run.takeLate(result)
  }

  /** What a worker holds of our jobs. Leases whose result nobody waits for are called off, the others found again. */
  #held(peer: string, { jobs, leases, adoptions = [] }: ControlMessageOf<'held'>): void {
    const { runs, scheduler, notices, hear } = this.#init
    this.#shown(adoptions)
    const wanted: HeldLease[] = []
    const useless: string[] = []
    for (const held of leases) {
      const run = runs.get(held.job)
      if (!run || run.state === 'adopted' || (run.state === 'running' && !run.workforce.has(peer))) continue
      if (!wasGiven(scheduler.jobs.get(held.job), held)) continue
      if (run.state !== 'running' || run.isOver(held.shard) || run.hasResult(held.shard)) useless.push(held.lease)
      else wanted.push(held)
    }
    notices.cancel(peer, useless, 'superseded')
    hear({ type: 'held', peer, jobs, leases: wanted })
  }

  /** A worker shows by what other nodes took jobs of ours over. */
  #shown(adoptions: readonly Signed[]): void {
    const { ports, runs } = this.#init
    for (const signed of adoptions) {
      const adoption = ports.openAdoption(signed)
      giveUp(runs.get(adoption.job), ports.swarm.self, adoption, signed).catch(() => {}) // not ours
    }
  }

  /** Reports a peer that speaks of leases of which it holds none. */
  #assertHeld(peer: string, leases: readonly string[]): void {
    const { ports, scheduler } = this.#init
    if (leases.some((lease) => scheduler.leases.get(lease)?.device.worker.peer === peer)) return
    ports.swarm.report(peer, peerError('lease.not-held', `${peer} holds none of the leases it speaks of`))
  }
}
