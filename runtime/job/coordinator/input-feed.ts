import type { Source } from '../../data/sources/index.ts'
import type { BlobRef, InferenceJob } from '../../protocol/index.ts'
import type { JobJournal } from '../journal/index.ts'
import { putWhenRoom } from './input-room.ts'
import type { CoordinatorPorts } from './ports.ts'
import { assertSameInput } from './same-input.ts'
import type { Tally } from './tally.ts'

/** A batch of the source, encoded and kept until its shard is over. */
export interface FedBatch {
  /** Its place among the batches: 0 first. */
  readonly index: number
  readonly firstRow: number
  readonly rows: number
  readonly inputs: BlobRef
}

/** What {@link InputFeed} needs. */
export interface InputFeedInit {
  readonly ports: Pick<CoordinatorPorts, 'clock' | 'openSource' | 'putInput'>
  readonly spec: InferenceJob
  readonly journal: Pick<JobJournal, 'append'>
  /** Identity of the input when it was opened first. */
  readonly known: string | undefined
  readonly rows: Tally['rows']
  /** Fires when the job ends or the node stops: nothing more is read. */
  readonly signal: AbortSignal
  /** Whether an earlier run committed the batch: it is not fed again. */
  readonly isCommitted: (index: number) => boolean
  /** Whether what is on its way leaves no room for another batch. See {@link InputFeed.look}. */
  readonly isFull: () => boolean
  readonly feed: (batch: FedBatch, labels: readonly string[] | undefined) => void
  /** The source had this many batches. */
  readonly ended: (batches: number) => void
}

/** Reads a job's source at the rate its program asks for: the input may be larger than memory. */
export class InputFeed {
  readonly #init: InputFeedInit
  /** Batches that the program wants and was not given. */
  #demand = 0
  #wake: (() => void) | undefined
  /** All of the source was read. */
  hasEnded = false

  constructor(init: InputFeedInit) {
    this.#init = init
    init.signal.addEventListener('abort', () => this.look(), { once: true })
  }

  /** The program wants as many more batches. */
  want(batches: number): void {
    this.#demand += batches
    this.look()
  }

  /** Room may have been made. */
  look(): void {
    this.#wake?.()
  }

  /** Resolves at the end of the source, or when the signal fires. Throws `source.*`, `tensor.*`, `disk.budget`, `log.*`. */
  async run(): Promise<void> {
    const { ports, spec, journal, known, rows } = this.#init
    const source = await ports.openSource(spec)
    rows.total = source.rows
    try {
      await assertSameInput(journal, spec, known, source)
      await this.#read(source)
    } finally {
      await source.close()
    }
  }

  async #read(source: Source): Promise<void> {
    const { ports, spec, rows: counted, signal, isCommitted, feed, ended } = this.#init
    const { rowsPerShard } = spec.request
    let from = 0
    while (isCommitted(from)) from++
    counted.read = from * rowsPerShard
    let batches = from
    for await (const { firstRow, rows, tensors, labels } of source.batches(from * rowsPerShard, signal)) {
      const index = Math.floor(firstRow / rowsPerShard)
      counted.read += rows
      batches = index + 1
      if (isCommitted(index)) continue
      await this.#wanted()
      if (signal.aborted) return
      const inputs = await putWhenRoom(ports, spec.job, tensors, signal)
      this.#demand--
      feed({ index, firstRow, rows, inputs }, labels)
    }
    this.hasEnded = true
    ended(batches)
  }

  /** Resolves when the program wants another batch and there is room for it. */
  async #wanted(): Promise<void> {
    const { signal, isFull } = this.#init
    while (!signal.aborted && (this.#demand <= 0 || isFull())) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
  }
}
