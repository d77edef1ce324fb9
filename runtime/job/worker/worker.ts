import { abortable, aborted, every, limit, peerError, slices, toAividaError } from '../../base/index.ts'
import {
  type CalledJob,
  type ControlMessage,
  type ControlMessageOf,
  type Device,
  inlineBlobs,
  inputsOf,
  type Lease,
  offerCodec,
  openDocument,
  peerIdOf,
  shardId,
  type TrainingProgress,
} from '../../protocol/index.ts'
import { blobsOf, type KnownResult, type TakenLeases } from '../journal/index.ts'
import { Acceptances } from './acceptances.ts'
import { EngineCalls, type Finished, type Work } from './engine-calls.ts'
import { Grants } from './grants.ts'
import {
  type Declined,
  initialWorker,
  step,
  type WorkerEvent,
  type WorkerInstruction,
  type WorkerState,
} from './machine.ts'
import type { WorkerPorts } from './ports.ts'
import { Reports } from './reports.ts'
import { Speakers } from './speakers.ts'

/** How often the machine looks at what is due. */
const TICK_MS = 250
/** Leases whose names are remembered. */
const TAKEN = 8 * limit('leasesPerWorker')

/** The worker's side of leases: drives the machine, fetches, computes in engine children, journals, reports. */
export class Worker {
  readonly #ports: WorkerPorts
  readonly #state: WorkerState
  readonly #work = new Map<string, Work>()
  readonly #grants = new Grants()
  /** Names of leases that were taken, newest last. */
  readonly #taken = new Set<string>()
  readonly #speakers: Speakers
  /** Jobs of the leases that are being answered. */
  #answering: readonly Lease[] = []
  /** Results on their way to the journal and the report. */
  readonly #reporting = new Set<Promise<void>>()
  readonly #reports: Reports
  readonly #calls: EngineCalls
  readonly #acceptances: Acceptances
  /** Leases that were accepted and are journalled with their acceptance, or with the first of their receipts. */
  readonly #taking: TakenLeases[] = []
  readonly #stops: (() => void)[] = []

  constructor(ports: WorkerPorts) {
    this.#ports = ports
    this.#state = initialWorker(ports.swarm.self)
    for (const [job, { epoch, from }] of ports.journal.jobs()) this.#state.epochs.set(job, { epoch, from })
    this.#reports = new Reports(ports)
    this.#acceptances = new Acceptances({
      clock: ports.clock,
      tell: (to, leases) => this.#accepted(to, leases),
    })
    this.#calls = new EngineCalls({
      ports,
      work: this.#work,
      dispatch: (event) => this.#dispatch(event),
      report: (finished) => this.#report(finished),
      finish: (lease, work, error) => this.#finish(lease, work, error),
      progress: (lease, steps) => this.#trained(lease, steps),
    })
    this.#speakers = new Speakers(ports)
  }

  start(devices: readonly Device[]): void {
    const { swarm, clock } = this.#ports
    this.setDevices(devices)
    swarm.on('offer', (from, message, body) => this.#offered(from, message, body))
    swarm.on('cancel', (from, { leases, reason }) => this.#dispatch({ type: 'cancel', from, leases, reason }))
    swarm.on('settled', (from, { leases }) => this.#settled(from, leases))
    swarm.on('roll-call', (from, { jobs }) => {
      const theirs = jobs.filter((job) => this.#speakers.hear(from, job))
      const lost = jobs.filter((job) => !theirs.includes(job))
      this.#dispatch({ type: 'roll-call', from, jobs: theirs })
      const adoptions = this.#speakers.shown(lost.map(({ job }) => job))
      if (adoptions.length > 0) this.#tell(from, { type: 'held', jobs: [], leases: [], adoptions })
    })
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
    const count = (...phases: string[]) =>
      [...this.#state.held.values()].filter(({ phase }) => phases.includes(phase)).length
    return { running: count('running'), queued: count('following', 'fetching', 'ready') }
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
    for (const lease of [...this.#work.keys()]) this.#abort(lease)
  }

  /** Whether this node, as a worker, owes a peer these outputs. */
  owes(peer: string, blob: string): boolean {
    return this.#ports.journal.owes(blob, peer)
  }

  /** Whose a job is that was leased here. */
  accountOf(job: string): string | undefined {
    return this.#speakers.accountOf(job)
  }

  /** Whether this node passes a model blob on to others that work on the same job. */
  shares(job: string, submitter: string, blob: string): boolean {
    return this.#grants.covers(job, submitter, blob, this.#ports.clock.wallMs())
  }

  /** Whether a blob is part of a result of this node that other members of the job may have. */
  givesMembers(job: string, submitter: string, blob: string): boolean {
    return this.#ports.journal.shares(blob, job, submitter)
  }

  #offered(from: string, message: ControlMessageOf<'offer'>, body: Uint8Array): void {
    const { value, by } = openDocument(offerCodec, message.offer)
    if (peerIdOf(by) !== from || value.submitter !== from)
      throw peerError('lease.signer', `${from} offered leases of ${value.submitter}, signed by ${peerIdOf(by)}`)
    this.#grants.keep(from, message.grants)
    this.#assertFresh(from, value.leases)
    this.#assertOwn(from, value.leases, message.binding)
    this.#grants.learn(from, value.leases)
    const inline = inlineBlobs(message.inline, body)
    const known = new Set<string>()
    const given = new Map<string, Uint8Array>()
    for (const lease of value.leases) {
      if (shardId(lease.spec) !== lease.shard)
        throw peerError('lease.shard', `lease ${lease.id} of ${from} names a shard that is not what it asks for`)
      if (this.#knownResult(lease)) known.add(lease.id)
      const inputs = inputsOf(lease.spec)
      const bytes = inputs && inline.get(inputs.blob)
      if (bytes && !this.#ports.matches(inputs, bytes))
        throw peerError('blob.wrong-chunk', `the inline inputs of ${lease.id} are not what the lease names`)
      if (bytes) given.set(lease.id, bytes)
    }
    for (const { id } of value.leases)
      if (!this.#work.has(id)) this.#work.set(id, { from, abort: new AbortController(), inputs: given.get(id) })
    const barred = new Set(value.leases.map(({ job }) => job).filter((job) => !this.#speakers.mayCall(from, job)))
    this.#answering = value.leases
    this.#dispatch({ type: 'offer', from, leases: value.leases, known, barred })
    this.#answering = []
  }

  /** The submitter has these: outputs may go. */
  #settled(from: string, leases: readonly string[]): void {
    for (const outputs of this.#ports.journal.settle(from, leases)) this.#ports.dropOutputs(outputs)
  }

  /** Throws when a lease is not ours to take: for another worker, or taken and done before. */
  #assertFresh(from: string, leases: readonly Lease[]): void {
    for (const { id, job, worker } of leases) {
      if (id.includes('.') && !id.startsWith(`${job}.`))
        throw peerError('lease.name', `${from} offered lease ${id} of ${job}, under a name of another job`)
      if (worker !== this.#ports.swarm.self)
        throw peerError('lease.worker', `${from} offered lease ${id}, which is for ${worker}`)
      if (this.#taken.has(id) && !this.#state.held.has(id))
        throw peerError('lease.replayed', `${from} offered lease ${id} again, which was taken and is over`)
    }
  }

  /** Results are known, and places are counted, by account: nobody names one that it is not shown to belong to. */
  #assertOwn(from: string, leases: readonly Lease[], binding: Uint8Array | undefined): void {
    const account = this.#ports.accountOf(from, binding)
    const other = leases.find((lease) => lease.account !== account)
    if (other) {
      const shown = account === undefined ? 'to no account' : `to ${account}`
      throw peerError(
        'lease.account',
        `${from} offered ${other.id} for ${other.account}, and is shown to belong ${shown}`,
      )
    }
  }

  #knownResult(lease: Lease): KnownResult | undefined {
    const { journal, determinismClassOf, hasOutputs } = this.#ports
    const known = journal.known(lease.account, determinismClassOf(lease.device), lease.shard)
    return known && blobsOf(known).every(hasOutputs) ? known : undefined
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
        this.#decline(instruction.to, instruction.leases)
        return
      case 'progress':
        for (const leases of slices(instruction.leases, limit('leasesPerOffer')))
          this.#tell(instruction.to, { type: 'progress', leases })
        return
      case 'fetch':
        void this.#fetch(instruction.lease)
        return
      case 'run':
        this.#track(this.#calls.run(instruction.leases, instruction.slot))
        return
      case 'replay':
        this.#track(this.#replay(instruction.lease))
        return
      case 'answer':
        this.#answer(instruction.to, instruction.jobs, instruction.leases)
        return
      case 'abort':
        this.#abort(instruction.lease)
    }
  }

  #abort(lease: string): void {
    const work = this.#work.get(lease)
    work?.abort.abort(aborted('the lease was called off'))
    work?.callOff?.()
    this.#work.delete(lease)
  }

  #decline(to: string, leases: readonly Declined[]): void {
    for (const { lease, reason, message } of leases) {
      this.#work.delete(lease)
      if (reason === 'epoch') this.#ports.swarm.report(to, peerError('lease.stale-epoch', message))
    }
    const fenced = new Set(
      leases.flatMap(({ lease, reason }) => (reason === 'epoch' || reason === 'signature' ? [lease] : [])),
    )
    const adoptions = this.#speakers.shown(this.#answering.flatMap(({ id, job }) => (fenced.has(id) ? [job] : [])))
    this.#tell(to, { type: 'decline', leases: [...leases], ...(adoptions.length > 0 && { adoptions }) })
  }

  #accept(to: string, leases: readonly string[]): void {
    for (const lease of leases) this.#taken.add(lease)
    while (this.#taken.size > TAKEN) this.#taken.delete(this.#taken.values().next().value as string)
    const held = leases.flatMap((id) => this.#state.held.get(id)?.lease ?? [])
    for (const [job, group] of Map.groupBy(held, (lease) => lease.job)) {
      const { epoch, account } = group[0]!
      const taken = { job, epoch, account, from: to, leases: group.map((lease) => lease.id) }
      this.#ports.journal.taken(taken)
      this.#taking.push(taken)
    }
    this.#acceptances.add(to, leases)
  }

  /** Acceptances are told, and journalled, together. */
  #accepted(to: string, leases: readonly string[]): void {
    if (leases.length > 0) this.#tell(to, { type: 'accept', leases: [...leases] })
    for (const { job, epoch, from, leases, account } of this.#taking.splice(0))
      this.#ports.journal.leased(job, epoch, from, leases, account).catch((error) => {
        this.#ports.logger.error({ job, error: String(error) }, 'leases could not be journalled')
      })
  }

  async #fetch(lease: Lease): Promise<void> {
    const work = this.#work.get(lease.id)
    if (!work) return
    const grant = this.#grants.of(work.from, lease.job)
    try {
      const [inputs] = await Promise.all([
        work.inputs ?? this.#ports.fetchInputs(lease, grant, work.abort.signal),
        this.#ports.fetchModel(lease, grant, work.abort.signal),
      ])
      work.inputs = inputs
      this.#dispatch({ type: 'fetched', lease: lease.id })
    } catch (error) {
      this.#finish(lease, work, error)
    }
  }

  #track(reporting: Promise<void>): void {
    this.#reporting.add(reporting)
    void reporting.finally(() => this.#reporting.delete(reporting))
  }

  async #replay(lease: Lease): Promise<void> {
    const known = this.#knownResult(lease)
    const work = this.#work.get(lease.id)
    if (!known || !work) return this.#fetch(lease)
    try {
      for (const ref of blobsOf(known)) await this.#ports.keepOutputs(ref)
    } catch (error) {
      this.#finish(lease, work, error)
      return
    }
    const receipt = { ...known.receipt, lease: lease.id, job: lease.job, epoch: lease.epoch, device: lease.device }
    await this.#report([{ lease, work, known: { receipt, inline: known.inline }, startedWallMs: undefined }])
  }

  /** Results count as finished, here and for their submitter, once their receipts are durable. */
  async #report(finished: readonly Finished[]): Promise<void> {
    if (finished.length === 0) return
    const { journal } = this.#ports
    const owed = finished.map((each) => ({ ...each, to: this.#submitterOf(each.lease) }))
    const taken = this.#taking.splice(0)
    try {
      await journal.finished(
        owed.map(({ to, lease, known, startedWallMs }) => ({ to, account: lease.account, ...known, startedWallMs })),
        taken,
      )
    } catch (error) {
      this.#taking.unshift(...taken) // the next word that is journalled takes them along
      for (const { lease, work } of finished) this.#finish(lease, work, error)
      return
    }
    for (const { lease, work, known, to } of owed) {
      const now = this.#submitterOf(lease)
      if (now !== to) journal.owe(lease.job, now)
      this.#acceptances.told(now, lease.id)
      this.#reports.receipt(now, known.receipt, known.inline)
      this.#finish(lease, work)
    }
  }

  /** What is owed of these jobs is said again, whoever it was owed to: its coordinator asks. */
  #answer(to: string, jobs: readonly CalledJob[], leases: readonly Lease[]): void {
    const { journal, hasOutputs, logger } = this.#ports
    for (const { job, epoch } of jobs) {
      const known = journal.jobs().get(job)
      if (known && (known.epoch !== epoch || known.from !== to))
        journal.leased(job, epoch, to, []).catch((error) => {
          logger.error({ job, error: String(error) }, 'an epoch could not be journalled')
        })
      journal.owe(job, to)
      for (const owed of journal.owed({ job }))
        if (blobsOf(owed).every(hasOutputs)) this.#reports.receipt(to, owed.receipt, owed.inline)
        else journal.forget(owed)
    }
    this.#reports.flush() // before the leases: one that is not held has a receipt, or is lost
    const held = leases.map(({ id, job, epoch, shard, device }) => ({ lease: id, job, epoch, shard, device }))
    this.#tell(to, { type: 'held', jobs: [...jobs], leases: held })
  }

  /** Whose lease it is now; another node may have taken its job over since it was given. */
  #submitterOf(lease: Lease): string {
    return this.#state.held.get(lease.id)?.from ?? lease.providers[0]!
  }

  /** The lease leaves the machine; a failure that was not our own doing is reported. */
  #finish(lease: Lease, work: Work, error?: unknown): void {
    const calledOff = work.abort.signal.aborted
    if (error !== undefined && !calledOff)
      this.#reports.failure(this.#submitterOf(lease), lease, toAividaError(error, 'engine.failed'))
    if (this.#work.get(lease.id) === work) this.#work.delete(lease.id)
    this.#dispatch({ type: 'finished', lease: lease.id })
    if (!this.#state.held.values().some((held) => held.lease.job === lease.job)) this.#ports.jobIdle(lease.job)
  }

  #trained(lease: Lease, progress: TrainingProgress): void {
    const { id } = lease
    this.#tell(this.#submitterOf(lease), { type: 'progress', leases: [id], training: { lease: id, ...progress } })
  }

  #tell(peer: string, message: ControlMessage): void {
    this.#ports.swarm.send(peer, message).catch((error) => {
      this.#ports.logger.debug({ peer, error: toAividaError(error).code }, `${message.type} could not be sent`)
    })
  }
}
