import { type AividaError, aborted, type Digest, type ErrorRecord, invariant, toAividaError } from '../../base/index.ts'
import {
  isInference,
  type JobSpec,
  type JobStatus,
  type ResultPart,
  type RoundsView,
  rowsOf,
  type ShardSpec,
  type Signed,
  type SweepView,
  shardId,
} from '../../protocol/index.ts'
import type { JobJournal, JobRecord } from '../journal/index.ts'
import type { PartOrder, ProgramEvent, ProgramStep } from '../programs/index.ts'
import type { AvailableWorker, ShardFailure } from '../scheduler/index.ts'
import { InFlight } from './in-flight.ts'
import { type FedBatch, InputFeed } from './input-feed.ts'
import { endOf, type GivenUp, whatIsLeft } from './job-end.ts'
import { keepStates } from './kept-states.ts'
import { OutputParts } from './output-parts.ts'
import { emptySource, poisonError } from './poison.ts'
import type { CoordinatorPorts } from './ports.ts'
import { programOf, type RunningProgram } from './program-of.ts'
import { Results, type VerifiedResult } from './results.ts'
import { overShards, RunRounds } from './run-rounds.ts'
import type { RunScheduling } from './run-scheduling.ts'
import { Scaling } from './scaling.ts'
import { Sharing } from './sharing.ts'
import { stepsOf } from './sweep-of.ts'
import { Tally } from './tally.ts'
import { snapshotOf, stateToBring, trainedBy } from './trained-results.ts'
import { WorkRecord } from './work-record.ts'
import { Workforce } from './workforce.ts'

/** Bytes of inputs held for shards on their way; at least one batch is always let in. */
const INPUT_WINDOW_BYTES = 512 << 20

/**
 * One job on its way: its program is fed from the source, hears of results once their outputs are here, and orders the
 * parts that they become. Decides nothing: the program does.
 */
export class JobRun {
  readonly spec: JobSpec
  readonly epoch: number
  readonly #inFlight = new InFlight()
  readonly shards = this.#inFlight.shards
  readonly workforce: Workforce
  readonly tally: Tally
  state: JobStatus['state'] = 'running'
  /** It is over, and what is left of it is being written: it is told to be running until that can be read. */
  isKeeping = false
  /** By which this node took the job over, or gave it up. */
  adoption: Signed | undefined
  /** What was left of the journal when it was given up. */
  givenUp: Promise<GivenUp> | undefined
  error: ErrorRecord | undefined
  finishedWallMs: number | undefined
  /** Of a training by rounds: what its program shows of it. */
  view: RoundsView | undefined
  /** Of a sweep: the same. */
  sweep: SweepView | undefined
  readonly #ports: CoordinatorPorts
  readonly #journal: JobJournal
  readonly #scheduling: RunScheduling
  readonly #program: RunningProgram
  readonly #abort = new AbortController()
  readonly #outputs = new Map<Digest, Uint8Array>()
  /** Of batch inference. */
  readonly #feed: InputFeed | undefined
  readonly #results: Results
  readonly #output: OutputParts
  readonly #work = new WorkRecord()
  /** Shards of which nothing more is wanted: accepted here or in an earlier epoch, or called off. */
  readonly #over: Set<Digest>
  readonly rounds: RunRounds
  readonly scaling: Scaling
  readonly sharing: Sharing
  #workers: readonly AvailableWorker[] = []
  #started = false

  constructor(
    ports: CoordinatorPorts,
    spec: JobSpec,
    journal: JobJournal,
    scheduling: RunScheduling,
    before: Omit<JobRecord, 'spec'> = { parts: [], workers: [] },
  ) {
    this.#ports = ports
    this.spec = spec
    this.epoch = journal.epoch
    this.#journal = journal
    this.#scheduling = scheduling
    this.tally = new Tally(before.parts)
    this.#over = new Set(overShards(before))
    this.adoption = before.adoption
    this.sharing = new Sharing(journal, before.sharedWith)
    this.workforce = new Workforce(spec.job, journal, ports.logger, before.workers)
    this.tally.rows.total = stepsOf(spec)
    if (isInference(spec))
      this.#feed = new InputFeed({
        ports,
        spec,
        journal,
        known: before.source,
        rows: this.tally.rows,
        signal: this.#abort.signal,
        isCommitted: (batch) => this.#output.isCommitted(batch),
        isFull: () => this.#isFull(),
        feed: (batch, labels) => this.#take(batch, labels),
        ended: (batches) => this.#inputEnded(batches),
      })
    this.#output = new OutputParts({
      request: spec.request,
      journal,
      before: before.parts,
      write: async (parts) => {
        const written = await ports.writeParts(spec, parts)
        return written.map((part) => this.#work.signed(part, ports.clock.wallMs()))
      },
      committed: (part) => {
        this.tally.committed(part)
        ports.emit({ type: 'part', job: spec.job, part })
      },
      failed: (error) => this.fail(toAividaError(error)),
      drained: () => this.#feed?.look(),
    })
    this.#results = new Results({
      ports,
      job: spec.job,
      signal: this.#abort.signal,
      bring: ({ receipt }, outputs, signal) => {
        const shard = this.shards.get(receipt.shard)
        const state = stateToBring(shard, receipt, outputs)
        return state && ports.fetchState(spec.job, state, receipt.worker, signal, snapshotOf(shard, receipt))
      },
      accept: (result, outputs) => this.#accept(result, outputs),
      retract: (shard) => this.#hear({ type: 'retracted', shard }),
      poison: (shard, failures) => this.poison(shard, failures),
      settle: (result) => this.#settleLater(result),
    })
    this.rounds = new RunRounds({
      journal,
      before,
      afterAll: (fn) => this.#output.afterAll(fn),
      settle: (peer, lease) => scheduling.settle(peer, lease),
      clock: ports.clock,
      wake: () => this.#hear({ type: 'time' }),
      failed: (error) => this.fail(toAividaError(error)),
    })
    this.scaling = new Scaling({
      ...{ spec, journal, scheduling, before: before.maxWorkers },
      hear: (said) => this.#hear(said),
    })
    this.#program = programOf(spec, before, ports.clock.wallMs() - ports.clock.monoMs())
  }

  /** Starts reading and computing; from here on the run ends by itself. */
  start(): void {
    this.#started = true
    this.#apply(this.#program.start(this.#ports.clock.monoMs()))
    this.scaling.begin()
    this.#hear({ type: 'workers', workers: this.#workers })
    this.#feed?.run().catch((error) => this.fail(toAividaError(error)))
  }

  /** Whom shards could go to. */
  meet(workers: readonly AvailableWorker[]): void {
    this.#workers = workers
    this.#hear({ type: 'workers', workers })
  }

  /** The first result of a shard. */
  take(result: VerifiedResult): void {
    const { shard, outputs } = result.receipt
    this.#hear({ type: 'result', shard, outputs })
    this.#results.take(result)
  }

  /** A result that no lease waits for: a second one, one that was settled already, or one of an earlier epoch. */
  takeLate(result: VerifiedResult): void {
    const { shard } = result.receipt
    if (this.#results.has(shard)) this.#results.takeAnother(result)
    else if (this.isOver(shard) || this.#outputs.has(shard)) this.#settleLater(result)
    else this.#results.keepEarly(result)
  }

  /** Whether nothing that a worker may still give for a shard is wanted. */
  isOver(shard: Digest): boolean {
    return !this.shards.has(shard) && (this.#over.has(shard) || this.#feed?.hasEnded === true)
  }

  /** Results that were accepted and are not durable; those of an ended job never will be. */
  get unwritten(): number {
    return this.state === 'running' ? this.#output.waiting : 0
  }

  /** What is durable, in the order in which it became so. */
  get parts(): readonly ResultPart[] {
    return this.#output.committed
  }

  /** Whether a result of the shard is here, or its outputs are on their way. */
  hasResult(shard: Digest): boolean {
    return this.#results.has(shard) || this.#outputs.has(shard)
  }

  #accept({ receipt }: VerifiedResult, outputs: Uint8Array): void {
    const { shard } = receipt
    const spec = this.shards.get(shard)
    this.tally.accepted(receipt, spec ? rowsOf(spec) : 0, outputs)
    this.#outputs.set(shard, outputs)
    this.#work.accepted(receipt)
    this.#over.add(shard)
    const trained = spec?.kind === 'train' ? trainedBy(spec, receipt, outputs) : undefined
    // The policy of today: the first one is believed.
    this.#hear({ type: 'accepted', shard, outputs: receipt.outputs, receipt, ...(trained && { trained }) })
    if (!this.rounds.retains(shard)) this.#outputs.delete(shard)
  }

  /** Parts that were ordered before this are durable first: a worker never drops the only copy of a result. */
  #settleLater(result: VerifiedResult): void {
    if (this.rounds.retain(result)) return
    const { worker, lease, shard } = result.receipt
    this.#output.afterShard(shard, () => this.#scheduling.settle(worker, lease))
  }

  poison(shard: Digest, failures: readonly ShardFailure[]): void {
    this.tally.failedShards++
    this.#letGo(shard)
    this.#hear({ type: 'poison', shard, failures })
  }

  /** Ends the job now. Resolves when that is durable. */
  async cancel(reason: string): Promise<void> {
    await this.#end('cancelled', aborted(reason))
  }

  /** Another node coordinates the job now, by `adoption`: nothing more is written here. Resolves with the journal from `fromSeq` on. */
  async giveUp(error: AividaError, fromSeq: number): Promise<GivenUp> {
    let left: GivenUp | undefined
    await this.#end('adopted', error, async () => {
      await this.#output.settled()
      left = await whatIsLeft(this.spec.job, this.#journal, fromSeq)
    })
    return left ?? whatIsLeft(this.spec.job, this.#journal)
  }

  /** Stops without ending the job: another start goes on from the journal. */
  async suspend(): Promise<void> {
    if (this.state !== 'running') return
    this.#abort.abort(aborted('the node is stopping'))
    this.rounds.wakeUp.cancel()
    await this.#output.settled()
    await this.#journal.close()
  }

  #hear(event: ProgramEvent): void {
    if (this.state === 'running' && this.#started) this.#apply(this.#program.hear(event, this.#ports.clock.monoMs()))
  }

  #apply(step: ProgramStep<unknown>): void {
    const { job } = this.spec
    if (step.cancel.length > 0) this.#scheduling.cancel(job, step.cancel)
    for (const shard of step.cancel) this.#letGo(shard)
    for (const order of step.parts) this.#order(order)
    for (const { shard, others = [] } of step.parts)
      for (const id of [shard, ...others.map((other) => other.shard)]) this.#dropShard(id)
    this.rounds.open(step.rounds ?? [])
    for (const shard of step.release ?? []) this.#letGo(shard)
    const placed = this.rounds.place(step.placed ?? [])
    this.#emit(step.shards.map((spec) => [shardId(spec), spec]))
    for (const [peer, shards] of placed) this.#emit(shards, peer)
    if (step.wakeAtMs !== undefined) this.rounds.wakeUp.at(step.wakeAtMs)
    this.#feed?.want(step.pull)
    if (step.view || step.sweep) {
      this.view = step.view
      this.sweep = step.sweep
      this.#scheduling.changed(job)
    }
    for (const state of step.forget ?? []) this.#output.afterAll(() => this.#ports.dropState(job, state))
    if (step.done) this.#finish(step.done)
  }

  #order(order: PartOrder): void {
    const outputsOf = (shard: Digest) => {
      const outputs = this.#outputs.get(shard)
      invariant(outputs, `part ${order.index} was ordered before its outputs were here`)
      return outputs
    }
    const others = (order.others ?? []).map(({ shard }) => outputsOf(shard))
    this.#output.add(order, outputsOf(order.shard), others)
  }

  #emit(emitted: readonly (readonly [Digest, ShardSpec])[], peer?: string): void {
    for (const [id, spec] of emitted) this.#inFlight.add(id, spec)
    const open = emitted.map(([id]) => id).filter((id) => !this.#takeEarly(id))
    if (open.length > 0) this.#scheduling.add(this.spec.job, open, peer)
  }

  /** Whether a worker had the shard's result already; it is taken as soon as the program has ended its step. */
  #takeEarly(shard: Digest): boolean {
    const result = this.#results.takeEarly(shard)
    if (!result) return false
    if (this.faultIn(result) || this.rounds.isElsewhere(result)) {
      this.#scheduling.settle(result.receipt.worker, result.receipt.lease)
      return false
    }
    queueMicrotask(() => {
      if (this.shards.has(shard)) this.#scheduling.foundResult(this.spec.job, result)
      else this.#settleLater(result)
    })
    return true
  }

  /** What is wrong with a result by its receipt, if anything: a worker's fault that costs it the shard. */
  faultIn(result: VerifiedResult): AividaError | undefined {
    return this.rounds.faultIn(this.shards.get(result.receipt.shard), result)
  }

  /** Nothing that the shard gave, or may give, is wanted any more. */
  #letGo(shard: Digest): void {
    this.#dropShard(shard)
    this.#over.add(shard)
    this.#outputs.delete(shard)
    this.rounds.release(shard)
  }

  #dropShard(shard: Digest): void {
    const spec = this.#inFlight.remove(shard)
    if (!spec) return
    this.#outputs.delete(shard)
    if (spec.kind !== 'infer') return
    this.#ports.dropInput(this.spec.job, spec.inputs)
    this.#feed?.look()
  }

  #take(batch: FedBatch, labels: readonly string[] | undefined): void {
    if (labels) this.#output.label(batch.index, labels)
    this.#hear({ type: 'batch', ...batch })
  }

  #inputEnded(batches: number): void {
    this.#output.end(batches)
    this.#hear({ type: 'source-ended' })
    for (const result of this.#results.takeUnused()) this.#settleLater(result)
  }

  /** Whether what is on its way, or waits for the disk, leaves no room for another batch. */
  #isFull(): boolean {
    if (this.shards.size === 0) return this.#output.isWriting && this.#output.isFull
    return this.#inFlight.inputBytes >= INPUT_WINDOW_BYTES || this.#output.isFull
  }

  #finish(done: NonNullable<ProgramStep<unknown>['done']>): void {
    if (!done.ok) void this.fail(poisonError(done.shard, done.failures))
    else
      this.#output.afterAll(async () => {
        if (this.state !== 'running') return
        if (this.parts.length === 0 && isInference(this.spec)) return this.fail(emptySource(this.spec))
        await this.#end('done')
      })
  }

  /** Ends the job for a reason that it cannot go on after. */
  async fail(error: AividaError): Promise<void> {
    if (this.state !== 'running' || this.#abort.signal.aborted) return
    await this.#end('failed', error)
  }

  async #end(
    state: Exclude<JobStatus['state'], 'running'>,
    error?: AividaError,
    before?: () => Promise<void>,
  ): Promise<void> {
    if (this.state !== 'running') return
    this.state = state
    this.isKeeping = state !== 'adopted'
    this.error = error?.toJSON()
    this.finishedWallMs = Math.floor(this.#ports.clock.wallMs())
    this.#abort.abort(aborted(`the job is ${state}`))
    this.rounds.wakeUp.cancel()
    for (const shard of [...this.shards.keys()]) this.#dropShard(shard)
    this.#output.stop()
    this.#outputs.clear()
    this.#scheduling.ended(this.spec.job)
    if (state !== 'adopted') this.rounds.releaseAll()
    if (this.isKeeping) await keepStates(this.#ports, this.spec, this.parts, this.#program.trials?.())
    await before?.().catch(() => {}) // a journal that cannot be read has nothing to show
    const { logger } = this.#ports
    await this.#journal.append(endOf(this, state)).catch((cause) => {
      logger.error({ job: this.spec.job, error: String(cause) }, 'the end of the job could not be journalled')
    })
    this.isKeeping = false
    const closing = state === 'adopted' ? this.#journal.close() : this.#ports.retireJournal(this.spec.job)
    await closing.catch(() => {}) // a log that failed has nothing left to close
    this.#scheduling.publish(this.spec.job)
  }
}
