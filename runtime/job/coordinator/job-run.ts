import {
  type AividaError,
  aborted,
  type Digest,
  type ErrorRecord,
  invariant,
  toAividaError,
  userError,
} from '../../base/index.ts'
import type { Source } from '../../data/sources/index.ts'
import {
  type JobSpec,
  type JobStatus,
  type Receipt,
  type ResultPart,
  type ShardSpec,
  type Signed,
  shardId,
} from '../../protocol/index.ts'
import type { JobJournal, JobRecord } from '../journal/index.ts'
import {
  type InferenceState,
  inference,
  type JobProgram,
  type ProgramEvent,
  type ProgramStep,
} from '../programs/index.ts'
import type { ShardFailure } from '../scheduler/index.ts'
import { Assembly, batchesPerPart, shardsOf } from './assembly.ts'
import { Commits } from './commits.ts'
import { endOf, type GivenUp, whatIsLeft } from './giving-up.ts'
import { putWhenRoom } from './input-room.ts'
import { poisonError } from './poison.ts'
import type { CoordinatorPorts } from './ports.ts'
import { Results, type VerifiedResult } from './results.ts'
import { assertSameInput } from './same-input.ts'
import { Workforce } from './workforce.ts'

/** Batches read or computing at once; see `InferenceOptions.window`. */
const WINDOW = 1_024
/** Results that may wait for the disk, and as many that may wait for the others of their part. */
const OUTPUT_WINDOW = 256
/** Bytes of inputs held for shards on their way; at least one batch is always let in. */
const INPUT_WINDOW_BYTES = 512 << 20
/** Bytes of outputs that may wait for the disk. */
const OUTPUT_WINDOW_BYTES = 256 << 20

/** What a run asks of the scheduler it shares with other jobs. */
export interface RunScheduling {
  add(job: string, shards: readonly Digest[]): void
  cancel(job: string, shards: readonly Digest[]): void
  /** A result was at hand before its shard was emitted. */
  foundResult(job: string, result: VerifiedResult): void
  /** The lease's result is durable here, or of no use: the worker may drop it. */
  settle(peer: string, lease: string): void
  /** The job has ended, one way or another; whatever it leases is called off. */
  ended(job: string): void
  /** Its end is durable: clients may hear of it. */
  publish(job: string): void
}

/**
 * One job on its way: feeds the program from the source at the rate the program asks for, fetches results, commits
 * parts to disk and journal. Decides nothing: the program does.
 */
export class JobRun {
  readonly spec: JobSpec
  readonly epoch: number
  readonly shards = new Map<Digest, ShardSpec>()
  readonly parts: ResultPart[]
  readonly rows = { read: 0, done: 0, total: undefined as number | undefined }
  readonly bytes = { sent: 0, received: 0 }
  readonly workforce: Workforce
  readonly byWorker = new Map<string, { shards: number; rows: number; computeMs: number }>()
  failedShards = 0
  /** Shards whose results are durable, those of an earlier run among them; one that several batches share counts for each. */
  doneShards: number
  /** What the scheduler had counted when the job ended. */
  copies = 0
  retries = 0
  state: JobStatus['state'] = 'running'
  /** By which this node took the job over, or gave it up. */
  adoption: Signed | undefined
  error: ErrorRecord | undefined
  finishedWallMs: number | undefined
  readonly #ports: CoordinatorPorts
  readonly #journal: JobJournal
  readonly #scheduling: RunScheduling
  readonly #program: JobProgram<InferenceState>
  readonly #abort = new AbortController()
  readonly #outputs = new Map<Digest, Uint8Array>()
  readonly #labels = new Map<number, readonly string[]>()
  readonly #results: Results
  /** Identity of the input when it was opened first. */
  readonly #source: string | undefined
  /** Shards whose results were accepted here or in an earlier epoch. */
  readonly #done: Set<Digest>
  #sourceEnded = false
  #programState: InferenceState | undefined
  #demand = 0
  #inputBytes = 0
  /** Accepted results that wait for the disk, which may be slower than the workers. */
  readonly #commits: Commits
  readonly #assembly: Assembly
  #wakeReader: (() => void) | undefined

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
    this.parts = [...before.parts]
    for (const part of before.parts) this.rows.done += part.rows
    const doneBefore = before.parts.flatMap(shardsOf)
    this.doneShards = doneBefore.length
    this.#done = new Set(doneBefore)
    this.adoption = before.adoption
    this.#source = before.source
    this.workforce = new Workforce(spec.job, journal, ports.logger, before.workers)
    this.#commits = new Commits({
      journal,
      write: (parts) => ports.writeParts(spec, parts),
      committed: (parts) => this.#committed(parts),
      failed: (error) => this.fail(toAividaError(error)),
      drained: () => this.#wakeReader?.(),
    })
    this.#assembly = new Assembly({
      batchesPerPart: batchesPerPart(spec.request),
      commit: (part) => this.#commits.add(part),
      after: (fn) => this.#commits.after(fn),
    })
    this.#results = new Results({
      ports,
      job: spec.job,
      signal: this.#abort.signal,
      accept: (result, outputs) => this.#accept(result, outputs),
      retract: (shard) => this.#hear({ type: 'retracted', shard }),
      poison: (shard, failures) => this.poison(shard, failures),
      settle: (result) => this.#settleLater(result),
    })
    this.#program = inference({ model: spec.model, outputs: spec.request.outputs, window: WINDOW })
  }

  /** Starts reading and computing; from here on the run ends by itself. */
  start(): void {
    this.#apply(this.#program.start())
    this.#read().catch((error) => this.fail(toAividaError(error)))
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
    else if (this.isOver(shard)) this.#settleLater(result)
    else this.#results.keepEarly(result)
  }

  /** Whether nothing that a worker may still give for a shard is wanted. */
  isOver(shard: Digest): boolean {
    return !this.shards.has(shard) && (this.#done.has(shard) || this.#sourceEnded)
  }

  /** Results that were accepted and are not durable; those of an ended job never will be. */
  get unwritten(): number {
    return this.state === 'running' ? this.#assembly.waiting + this.#commits.waiting : 0
  }

  /** Whether a result of the shard is here, or its outputs are on their way. */
  hasResult(shard: Digest): boolean {
    return this.#results.has(shard)
  }

  #accept({ receipt }: VerifiedResult, outputs: Uint8Array): void {
    const { shard } = receipt
    this.bytes.received += outputs.byteLength
    this.#outputs.set(shard, outputs)
    this.#done.add(shard)
    this.#credit(receipt)
    this.#hear({ type: 'accepted', shard, outputs: receipt.outputs }) // the policy of today: the first one is believed
    this.#outputs.delete(shard)
  }

  /** Parts that were ordered before this are durable first: a worker never drops the only copy of a result. */
  #settleLater({ receipt: { worker, lease, shard } }: VerifiedResult): void {
    this.#assembly.after(shard, () => this.#scheduling.settle(worker, lease))
  }

  poison(shard: Digest, failures: readonly ShardFailure[]): void {
    this.failedShards++
    this.#hear({ type: 'poison', shard, failures })
  }

  /** Ends the job now. Resolves when that is durable. */
  async cancel(reason: string): Promise<void> {
    await this.#end('cancelled', aborted(reason))
  }

  /** Another node coordinates the job now: nothing more is written here. Resolves with the journal from `fromSeq` on. */
  async giveUp(signed: Signed, error: AividaError, fromSeq: number): Promise<GivenUp> {
    this.adoption = signed
    let left: GivenUp | undefined
    await this.#end('adopted', error, async () => {
      await this.#commits.settled()
      left = await whatIsLeft(this.spec.job, this.#journal, fromSeq)
    })
    return left ?? whatIsLeft(this.spec.job, this.#journal)
  }

  /** Stops without ending the job: another start goes on from the journal. */
  async suspend(): Promise<void> {
    if (this.state !== 'running') return
    this.#abort.abort(aborted('the node is stopping'))
    this.#wakeReader?.()
    await this.#commits.settled()
    await this.#journal.close()
  }

  #hear(event: ProgramEvent): void {
    if (this.state === 'running' && this.#programState) this.#apply(this.#program.step(this.#programState, event))
  }

  #apply(step: ProgramStep<InferenceState>): void {
    const { job } = this.spec
    this.#programState = step.state
    if (step.cancel.length > 0) this.#scheduling.cancel(job, step.cancel)
    for (const shard of step.cancel) this.#dropShard(shard)
    for (const order of step.parts) {
      const outputs = this.#outputs.get(order.shard)
      invariant(outputs, `part ${order.index} was ordered before its outputs were here`)
      this.#assembly.add(order, outputs, this.#labels.get(order.index))
      this.#labels.delete(order.index)
    }
    for (const shard of new Set(step.parts.map((order) => order.shard))) this.#dropShard(shard)
    const emitted = step.shards.map((spec): [Digest, ShardSpec] => [shardId(spec), spec])
    for (const [id, spec] of emitted) this.shards.set(id, spec)
    const open = emitted.map(([id]) => id).filter((id) => !this.#takeEarly(id))
    if (open.length > 0) this.#scheduling.add(job, open)
    this.#demand += step.pull
    this.#wakeReader?.()
    if (step.done) this.#finish(step.done)
  }

  /** Whether a worker had the shard's result already; it is taken as soon as the program has ended its step. */
  #takeEarly(shard: Digest): boolean {
    const result = this.#results.takeEarly(shard)
    if (result) queueMicrotask(() => this.#scheduling.foundResult(this.spec.job, result))
    return result !== undefined
  }

  #dropShard(shard: Digest): void {
    const spec = this.shards.get(shard)
    if (!spec) return
    this.shards.delete(shard)
    this.#inputBytes -= spec.inputs.sizeBytes
    this.#ports.dropInput(this.spec.job, spec.inputs)
    this.#wakeReader?.()
  }

  async #read(): Promise<void> {
    const source = await this.#ports.openSource(this.spec)
    this.rows.total = source.rows
    try {
      await assertSameInput(this.#journal, this.spec, this.#source, source)
      await this.#feed(source)
    } finally {
      await source.close()
    }
  }

  /** Gives the program one batch for each it asks for; what an earlier run committed is not read again. */
  async #feed(source: Source): Promise<void> {
    const { signal } = this.#abort
    const { rowsPerShard } = this.spec.request
    const committed = new Set(this.parts.map((part) => part.index))
    let from = 0
    while (committed.has(this.#assembly.partOf(from))) from++
    this.rows.read = from * rowsPerShard
    let batches = from
    for await (const { firstRow, rows, tensors, labels } of source.batches(from * rowsPerShard, signal)) {
      const index = Math.floor(firstRow / rowsPerShard)
      this.rows.read += rows
      batches = index + 1
      if (committed.has(this.#assembly.partOf(index))) continue
      await this.#wanted()
      if (signal.aborted) return
      const inputs = await putWhenRoom(this.#ports, this.spec.job, tensors, signal)
      if (labels) this.#labels.set(index, labels)
      this.#demand--
      const before = this.shards.size
      this.#hear({ type: 'batch', index, firstRow, rows, inputs })
      if (this.shards.size > before) this.#inputBytes += inputs.sizeBytes // else an equal batch is on its way already
    }
    this.#sourceEnded = true
    this.#assembly.end(batches)
    this.#hear({ type: 'source-ended' })
    for (const result of this.#results.takeUnused()) this.#settleLater(result)
  }

  /** Resolves when the program wants another batch and there is room for its bytes. */
  async #wanted(): Promise<void> {
    while (!this.#abort.signal.aborted && (this.#demand <= 0 || this.#isFull())) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wakeReader = resolve
      await promise
    }
  }

  /** Whether what is on its way, or waits for the disk, leaves no room for another batch. */
  #isFull(): boolean {
    if (this.#inputBytes >= INPUT_WINDOW_BYTES && this.shards.size > 0) return true
    // A part that is not whole may lack just what is not read yet, so it alone stops nobody.
    if (this.shards.size === 0 && this.#commits.waiting === 0) return false
    const { waiting, waitingBytes } = this.#assembly
    const window = OUTPUT_WINDOW + this.#assembly.batchesPerPart
    if (this.#commits.waiting >= OUTPUT_WINDOW || waiting >= window) return true
    return this.#commits.waitingBytes + waitingBytes >= OUTPUT_WINDOW_BYTES
  }

  #committed(parts: readonly ResultPart[]): void {
    for (const part of parts) {
      this.parts.push(part)
      this.rows.done += part.rows
      this.doneShards += shardsOf(part).length
      this.#ports.emit({ type: 'part', job: this.spec.job, part })
    }
  }

  #credit({ worker, computeMs, shard }: Receipt): void {
    const share = this.byWorker.get(worker) ?? { shards: 0, rows: 0, computeMs: 0 }
    share.shards++
    share.rows += this.shards.get(shard)?.rows ?? 0
    share.computeMs += computeMs
    this.byWorker.set(worker, share)
  }

  #finish(done: NonNullable<ProgramStep<InferenceState>['done']>): void {
    if (!done.ok) void this.fail(poisonError(done.shard, done.failures))
    else
      this.#commits.after(async () => {
        if (this.state !== 'running') return
        if (this.parts.length === 0)
          return this.fail(
            userError(
              'source.empty',
              `no rows in ${this.spec.request.input.path}; give an input with at least one row`,
            ),
          )
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
    this.error = error?.toJSON()
    this.finishedWallMs = Math.floor(this.#ports.clock.wallMs())
    this.#abort.abort(aborted(`the job is ${state}`))
    this.#wakeReader?.()
    for (const shard of [...this.shards.keys()]) this.#dropShard(shard)
    this.#commits.stop()
    this.#assembly.clear()
    this.#outputs.clear()
    this.#labels.clear()
    this.#scheduling.ended(this.spec.job)
    await before?.().catch(() => {}) // a journal that cannot be read has nothing to show
    await this.#journal.append(endOf(this, state)).catch((cause) => {
      this.#ports.logger.error(
        { job: this.spec.job, error: String(cause) },
        'the end of the job could not be journalled',
      )
    })
    const closing = state === 'adopted' ? this.#journal.close() : this.#ports.retireJournal(this.spec.job)
    await closing.catch(() => {}) // a log that failed has nothing left to close
    this.#scheduling.publish(this.spec.job)
  }
}
