import { aborted, every, limit, peerError, toAividaError } from '../../base/index.ts'
import {
  type ControlMessage,
  type ControlMessageOf,
  type Device,
  grantCodec,
  type Lease,
  offerCodec,
  openDocument,
  peerIdOf,
  type Receipt,
  type Signed,
  shardId,
} from '../../protocol/index.ts'
import { abortable } from '../../swarm/transport/abortable.ts'
import { inlineBlobs } from '../coordinator/index.ts'
import type { KnownResult } from '../journal/index.ts'
import { initialWorker, step, type WorkerEvent, type WorkerInstruction, type WorkerState } from './machine.ts'
import type { WorkerPorts } from './ports.ts'
import { Reports } from './reports.ts'

/** How often the machine looks at what is due. */
const TICK_MS = 250

/** A lease's inputs on their way to the engine, and what calls the work off. */
interface Work {
  readonly abort: AbortController
  inputs: Uint8Array | undefined
}

/** The worker's side of leases: drives the machine, fetches, computes in engine children, journals, reports. */
export class Worker {
  readonly #ports: WorkerPorts
  readonly #state: WorkerState
  readonly #work = new Map<string, Work>()
  readonly #grants = new Map<string, Signed>()
  /** Results on their way to the journal and the report. */
  readonly #reporting = new Set<Promise<void>>()
  readonly #reports: Reports
  readonly #stops: (() => void)[] = []

  constructor(ports: WorkerPorts) {
    this.#ports = ports
    this.#state = initialWorker(ports.swarm.self)
    for (const [job, epoch] of ports.journal.epochs()) this.#state.epochs.set(job, epoch)
    this.#reports = new Reports(ports)
  }

  start(devices: readonly Device[]): void {
    const { swarm, clock } = this.#ports
    this.setDevices(devices)
    swarm.on('offer', (from, message, body) => this.#offered(from, message, body))
    swarm.on('cancel', (from, { leases, reason }) => this.#dispatch({ type: 'cancel', from, leases, reason }))
    swarm.on('settled', (from, { leases }) => this.#reports.settled(from, leases))
    this.#stops.push(
      swarm.subscribe({ lost: (peer) => this.#dispatch({ type: 'submitter-lost', peer }) }),
      every(clock, TICK_MS, () => this.#dispatch({ type: 'tick' })),
    )
  }

  setDevices(devices: readonly Device[]): void {
    this.#dispatch({ type: 'devices', devices })
  }

  /** Leases held: how many run, how many wait. */
  load(): { running: number; queued: number } {
    const running = [...this.#state.held.values()].filter((held) => held.phase === 'running').length
    return { running, queued: this.#state.held.size - running }
  }

  /** Takes nothing new, lets what runs end; resolves when nothing is held and all of it is reported. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#dispatch({ type: 'drain' })
    while (this.#state.held.size > 0 && !signal.aborted)
      await new Promise<void>((resolve) => this.#ports.clock.after(20, resolve))
    await abortable(Promise.all(this.#reporting), signal).catch(() => {}) // out of time: the journal is replayed
    await this.#reports.flushed()
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop()
    for (const { abort } of this.#work.values()) abort.abort(aborted('the node is stopping'))
    this.#work.clear()
  }

  /** Whether this node, as a worker, owes a peer these outputs. */
  owes(peer: string, blob: string): boolean {
    return this.#reports.owes(peer, blob)
  }

  #offered(from: string, message: ControlMessageOf<'offer'>, body: Uint8Array): void {
    const { value, by } = openDocument(offerCodec, message.offer)
    if (peerIdOf(by) !== from || value.submitter !== from)
      throw peerError('lease.signer', `${from} offered leases of ${value.submitter}, signed by ${peerIdOf(by)}`)
    this.#keepGrants(from, message.grants)
    const inline = inlineBlobs(message.inline, body)
    const known = new Set<string>()
    const given = new Map<string, Uint8Array>()
    for (const lease of value.leases) {
      if (shardId(lease.spec) !== lease.shard)
        throw peerError('lease.shard', `lease ${lease.id} of ${from} names a shard that is not what it asks for`)
      if (this.#knownResult(lease)) known.add(lease.id)
      const { inputs } = lease.spec
      const bytes = inline.get(inputs.blob)
      if (bytes && !this.#ports.matches(inputs, bytes))
        throw peerError('blob.wrong-chunk', `the inline inputs of ${lease.id} are not what the lease names`)
      if (bytes) given.set(lease.id, bytes)
    }
    for (const { id } of value.leases)
      if (!this.#work.has(id)) this.#work.set(id, { abort: new AbortController(), inputs: given.get(id) })
    this.#dispatch({ type: 'offer', from, leases: value.leases, known })
  }

  #keepGrants(from: string, grants: readonly Signed[]): void {
    for (const signed of grants) {
      const { value, by } = openDocument(grantCodec, signed)
      if (peerIdOf(by) !== from || value.submitter !== from)
        throw peerError('grant.signer', `${from} sent a grant that it did not sign`)
      this.#grants.delete(value.job)
      this.#grants.set(value.job, signed)
      if (this.#grants.size > limit('leasesPerWorker')) this.#grants.delete(this.#grants.keys().next().value as string)
    }
  }

  #knownResult(lease: Lease): KnownResult | undefined {
    const { journal, determinismClassOf, hasOutputs } = this.#ports
    const known = journal.known(lease.account, determinismClassOf(lease.device), lease.shard)
    return known && (known.inline || hasOutputs(known.receipt.outputs)) ? known : undefined
  }

  #dispatch(event: WorkerEvent): void {
    for (const instruction of step(this.#state, event, this.#ports.clock.monoMs())) this.#execute(instruction)
  }

  #execute(instruction: WorkerInstruction): void {
    switch (instruction.type) {
      case 'accept':
        this.#accept(instruction.to, instruction.leases)
        return
      case 'decline':
        for (const { lease } of instruction.leases) this.#work.delete(lease)
        this.#tell(instruction.to, { type: 'decline', leases: [...instruction.leases] })
        return
      case 'progress':
        for (let i = 0; i < instruction.leases.length; i += limit('leasesPerOffer'))
          this.#tell(instruction.to, {
            type: 'progress',
            leases: instruction.leases.slice(i, i + limit('leasesPerOffer')),
          })
        return
      case 'fetch':
        void this.#fetch(instruction.lease, instruction.from)
        return
      case 'run':
        this.#track(this.#run(instruction.lease, instruction.from, instruction.slot))
        return
      case 'replay':
        this.#replay(instruction.lease, instruction.from)
        return
      case 'abort':
        this.#work.get(instruction.lease)?.abort.abort(aborted('the lease was called off'))
        this.#work.delete(instruction.lease)
    }
  }

  #accept(to: string, leases: readonly string[]): void {
    this.#tell(to, { type: 'accept', leases: [...leases] })
    const held = leases.flatMap((id) => this.#state.held.get(id)?.lease ?? [])
    for (const [job, group] of Map.groupBy(held, (lease) => lease.job))
      this.#ports.journal
        .leased(
          job,
          group[0]!.epoch,
          group.map((lease) => lease.id),
        )
        .catch((error) => this.#ports.logger.error({ job, error: String(error) }, 'leases could not be journalled'))
  }

  async #fetch(lease: Lease, from: string): Promise<void> {
    const work = this.#work.get(lease.id)
    if (!work) return
    const grant = this.#grants.get(lease.job)
    try {
      const [inputs] = await Promise.all([
        work.inputs ?? this.#ports.fetchInputs(lease, grant, work.abort.signal),
        this.#ports.fetchModel(lease, grant, work.abort.signal),
      ])
      work.inputs = inputs
      this.#dispatch({ type: 'fetched', lease: lease.id })
    } catch (error) {
      this.#finish(lease, from, work, error)
    }
  }

  #track(reporting: Promise<void>): void {
    this.#reporting.add(reporting)
    void reporting.finally(() => this.#reporting.delete(reporting))
  }

  async #run(lease: Lease, from: string, slot: number): Promise<void> {
    const work = this.#work.get(lease.id)
    if (!work?.inputs) return
    try {
      const tensors = this.#ports.decodeInputs(work.inputs)
      const { outputs, computeMs } = await this.#ports.compute(lease, slot, tensors, work.abort.signal)
      this.#finish(lease, from, work) // the slot is free: what follows is disk and network
      const { ref, inline } = await this.#ports.putOutputs(outputs)
      await this.#report(lease, from, ref, inline, computeMs)
    } catch (error) {
      this.#finish(lease, from, work, error)
    }
  }

  async #report(
    lease: Lease,
    from: string,
    outputs: Receipt['outputs'],
    inline: Uint8Array | undefined,
    computeMs: number,
  ): Promise<void> {
    const receipt: Receipt = {
      lease: lease.id,
      job: lease.job,
      epoch: lease.epoch,
      shard: lease.shard,
      worker: this.#ports.swarm.self,
      device: lease.device,
      determinismClass: this.#ports.determinismClassOf(lease.device),
      outputs,
      computeMs,
    }
    await this.#ports.journal.finished(lease.account, receipt, inline)
    this.#reports.receipt(from, lease.account, receipt, inline)
  }

  #replay(lease: Lease, from: string): void {
    const known = this.#knownResult(lease)
    const work = this.#work.get(lease.id)
    if (!known || !work) return void this.#fetch(lease, from)
    this.#finish(lease, from, work)
    const receipt = { ...known.receipt, lease: lease.id, job: lease.job, epoch: lease.epoch, device: lease.device }
    this.#reports.receipt(from, lease.account, receipt, known.inline)
  }

  /** The lease leaves the machine; a failure that was not our own doing is reported. */
  #finish(lease: Lease, from: string, work: Work, error?: unknown): void {
    const calledOff = work.abort.signal.aborted
    if (error !== undefined && !calledOff) this.#reports.failure(from, lease, toAividaError(error, 'engine.failed'))
    if (this.#work.get(lease.id) === work) this.#work.delete(lease.id)
    this.#dispatch({ type: 'finished', lease: lease.id })
    if (![...this.#state.held.values()].some((held) => held.lease.job === lease.job)) this.#ports.jobIdle(lease.job)
  }

  #tell(peer: string, message: ControlMessage): void {
    this.#ports.swarm.send(peer, message).catch((error) => {
      this.#ports.logger.debug({ peer, error: toAividaError(error).code }, `${message.type} could not be sent`)
    })
  }
}
