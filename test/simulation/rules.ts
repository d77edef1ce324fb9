import { limit } from '../../runtime/base/index.ts'
import type { SchedulerEvent, SchedulerInstruction, SchedulerState } from '../../runtime/job/scheduler/index.ts'
import type { WorkerEvent, WorkerInstruction, WorkerState } from '../../runtime/job/worker/machine.ts'
import type { JobStatus, NodeEventBody } from '../../runtime/protocol/index.ts'
import { checkScheduler, checkWorker } from './machine-rules.ts'
import type { Life, World } from './world.ts'

/** Batches of one job that are on their way at most; the program's window. */
const WINDOW = 1_024

/**
 * What must hold, whatever goes wrong, looked at after each event: each shard is accepted once and committed once, no
 * lease is held by two, an epoch has one coordinator, queues stay within their limits, what was acknowledged stays.
 */
export class Rules {
  /** Jobs that were seen, with their last state. */
  readonly jobs = new Map<string, JobStatus>()
  readonly #world: World
  readonly #nameOf: (peer: string) => string
  /** By `job epoch`: the process that coordinates it. */
  readonly #coordinators = new Map<string, Life>()
  /** By lease: the worker it was offered to, and the one that took it. */
  readonly #offered = new Map<string, string>()
  readonly #holders = new Map<string, string>()
  /** By coordinating process: `job shard` of its provisional results. */
  readonly #results = new WeakMap<Life, Set<string>>()
  /** By `job index`: rows of parts that were told to be durable. */
  readonly #committed = new Map<string, number>()
  readonly #committedRows = new Map<string, number>()
  /** By process: the newest epoch it has heard of each job. */
  readonly #fences = new WeakMap<Life, Map<string, number>>()

  constructor(world: World, nameOf: (peer: string) => string) {
    this.#world = world
    this.#nameOf = nameOf
  }

  /** A worker begins with the epochs that its journal knows. */
  begun(life: Life, epochs: ReadonlyMap<string, number>): void {
    this.#fences.set(life, new Map(epochs))
  }

  /** After each step of a scheduler. */
  scheduler(state: SchedulerState, event: SchedulerEvent, out: readonly SchedulerInstruction[]): void {
    const life = this.#world.current
    if (!life?.isAlive) return
    if (event.type === 'job-opened') this.#opened(life, event.job, event.epoch)
    if (event.type === 'shards') {
      for (const shard of event.shards) this.#results.get(life)?.delete(`${event.job} ${shard}`)
    }
    for (const instruction of out) {
      if (instruction.type === 'offer') this.#leased(instruction.peer, instruction.leases)
      if (instruction.type === 'result') this.#accepted(life, instruction)
    }
    const problem = checkScheduler(state)
    if (problem) this.#world.violate('scheduler-state', problem)
    if (event.type !== 'tick' || out.length > 0)
      this.#step(life, `scheduler ${event.type}`, out.map(told(this.#nameOf)))
  }

  /** After each step of a worker. */
  worker(state: WorkerState, event: WorkerEvent, out: readonly WorkerInstruction[]): void {
    const life = this.#world.current
    if (!life?.isAlive) return
    for (const instruction of out) {
      if (instruction.type !== 'fetch' && instruction.type !== 'replay') continue
      const { id, job, epoch } = instruction.lease
      const fences = this.#fences.get(life) ?? new Map<string, number>()
      if (epoch < (fences.get(job) ?? 0))
        this.#world.violate('fence', `${id} was taken at ${life.site.name} after epoch ${fences.get(job)} had spoken`)
      this.#fences.set(life, fences.set(job, Math.max(epoch, fences.get(job) ?? 0)))
      const holder = this.#holders.get(id)
      if (holder !== undefined && holder !== state.node)
        this.#world.violate('one-holder', `${id} is held by ${this.#nameOf(holder)} and ${life.site.name}`)
      this.#holders.set(id, state.node)
    }
    const problem = event.type === 'stopped' ? undefined : checkWorker(state) // what failed is over a moment later
    if (problem) this.#world.violate('worker-state', problem)
    if (event.type !== 'tick' || out.length > 0) this.#step(life, `worker ${event.type}`, out.map(told(this.#nameOf)))
  }

  /** After each event that a node publishes. */
  published(life: Life, event: NodeEventBody): void {
    if (event.type === 'part') {
      this.#world.note('event', `part ${event.job} ${event.part.index}`, life.site)
      this.#part(event.job, event.part.index, event.part.rows)
    } else if (event.type === 'job') {
      this.#status(life, event.status)
    } else if (event.type === 'shard') {
      this.#world.note('io', `shard ${event.job} ${event.shard.slice(0, 8)} ${event.phase}`, life.site)
    }
  }

  #opened(life: Life, job: string, epoch: number): void {
    const known = this.#coordinators.get(`${job} ${epoch}`)
    if (known && known !== life)
      this.#world.violate(
        'one-coordinator',
        `${job} has two coordinators in epoch ${epoch}: ${known.site.name} and ${life.site.name}`,
      )
    this.#coordinators.set(`${job} ${epoch}`, life)
  }

  #leased(peer: string, leases: readonly { readonly lease: string }[]): void {
    for (const { lease } of leases) {
      if (this.#offered.has(lease)) this.#world.violate('lease-once', `${lease} was given out twice`)
      this.#offered.set(lease, peer)
    }
  }

  #accepted(life: Life, { job, shard }: { readonly job: string; readonly shard: string }): void {
    const results = this.#results.get(life) ?? new Set<string>()
    if (results.has(`${job} ${shard}`))
      this.#world.violate('accepted-once', `shard ${shard.slice(0, 12)} of ${job} was accepted twice`)
    this.#results.set(life, results.add(`${job} ${shard}`))
  }

  #part(job: string, index: number, rows: number): void {
    const key = `${job} ${index}`
    if (this.#committed.has(key)) this.#world.violate('committed-once', `part ${index} of ${job} was committed twice`)
    this.#committed.set(key, rows)
    this.#committedRows.set(job, (this.#committedRows.get(job) ?? 0) + rows)
    if (this.#isOver(job)) this.#world.violate('over-is-over', `part ${index} of ${job} was committed after its end`)
  }

  #status(life: Life, status: JobStatus): void {
    const { job, state, shards, rows, error } = status
    if (this.#isOver(job) && this.jobs.get(job)!.state !== state)
      this.#world.violate('over-is-over', `${job} was ${this.jobs.get(job)!.state} and is ${state}`)
    const committed = this.#committedRows.get(job) ?? 0
    if (rows.done < committed)
      this.#world.violate('committed-stays', `${job} has ${rows.done} rows, ${committed} were told to be durable`)
    if (shards.waiting + shards.running > WINDOW)
      this.#world.violate('queue-limits', `${shards.waiting + shards.running} shards of ${job} are on their way`)
    this.jobs.set(job, status)
    const why = error ? ` ${error.code}` : ''
    this.#world.note('event', `job ${job} ${state} rows ${rows.done} of ${rows.read}${why}`, life.site)
  }

  /** A job that failed because its disk was full may not have been able to write that down: it goes on at a restart. */
  #isOver(job: string): boolean {
    const status = this.jobs.get(job)
    return status !== undefined && status.state !== 'running' && !/^(disk|log)\./.test(status.error?.code ?? '')
  }

  #step(life: Life, what: string, out: readonly string[]): void {
    this.#world.note('step', `${what} -> ${out.join('; ')}`, life.site)
  }

  /** Parts that were told to be durable, of a job. */
  committedParts(job: string): number[] {
    return [...this.#committed.keys()].flatMap((key) => (key.startsWith(`${job} `) ? [Number(key.split(' ')[1])] : []))
  }

  /** Streams that one peer may hold open at another. */
  streams(open: number, where: string): void {
    if (open > 2 * limit('streamsPerPeer')) this.#world.violate('queue-limits', `${open} streams ${where}`)
  }
}

function leaseIdOf(lease: string | { readonly lease: string } | { readonly id: string }): string {
  if (typeof lease === 'string') return lease
  return 'id' in lease ? lease.id : lease.lease
}

/** An instruction in a few words. */
function told(nameOf: (peer: string) => string): (instruction: SchedulerInstruction | WorkerInstruction) => string {
  return (instruction) => {
    const words = [instruction.type as string]
    if ('peer' in instruction) words.push(nameOf(instruction.peer))
    if ('to' in instruction) words.push(nameOf(instruction.to))
    if ('lease' in instruction)
      words.push(typeof instruction.lease === 'string' ? instruction.lease : instruction.lease.id)
    if ('leases' in instruction) words.push(instruction.leases.map(leaseIdOf).join(' '))
    if ('phase' in instruction) words.push(instruction.phase)
    if ('reason' in instruction && instruction.reason !== undefined) words.push(instruction.reason)
    return words.join(' ')
  }
}
