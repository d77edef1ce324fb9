import { AividaError, aborted, type Clock, limit, timedOut, userError } from '../../runtime/base/index.ts'
import type { ExecuteReply, RunOutput } from '../client/index.ts'
import { hasTag, type Notebook, type NotebookCell } from './notebook.ts'
import { CellOutputs, describeError } from './saved-outputs.ts'

/** Tags that Jupyter's own runner, nbclient, knows: a cell that may fail, and one that is not run. */
const MAY_FAIL_TAG = 'raises-exception'
const SKIP_TAG = 'skip-execution'

/** What a notebook says of its kernel when nobody has said it yet. */
const KERNELSPEC = { name: 'aivida', display_name: 'Aivida', language: 'typescript' }

/** The kernel as a run needs it. */
export interface NotebookKernel {
  /** Runs code. `put` hears what it puts out, also after it has ended. Throws `kernel.*` when the kernel is gone. */
  execute(code: string, put: (output: RunOutput) => void): Promise<ExecuteReply>
  /** Ends what the running cell waits for. */
  interrupt(): Promise<void>
  /** Of `kernel_info_reply`: what the notebook says of its language. */
  readonly languageInfo: Readonly<Record<string, unknown>>
}

/** A cell of a run: `position` of `count` code cells, both counted from 1. */
export interface CellProgress {
  readonly position: number
  readonly count: number
  readonly source: string
  /** It is tagged `raises-exception`: the run goes on when it fails. */
  readonly mayFail: boolean
}

/** What a run tells while it is under way. */
export interface RunListener {
  began(cell: CellProgress): void
  ended(cell: CellProgress, end: ExecuteReply, durationMs: number): void
  /** The notebook has changed. */
  changed(): void
}

/** How to run a notebook. */
export interface RunInit {
  readonly kernel: NotebookKernel
  readonly clock: Clock
  /** Interrupts the cell that runs, and ends the run. */
  readonly signal: AbortSignal
  /** What each cell may take, in ms. Default: as long as it likes. */
  readonly timeoutMs?: number
  readonly listener: RunListener
}

/** A notebook while a kernel runs it, cell after cell; all outputs and counts of earlier runs are gone from the start. */
export class NotebookRun {
  /** The cells that are run. */
  readonly #cells: readonly NotebookCell[]
  readonly #notebook: Notebook
  readonly #init: RunInit
  readonly #outputs = new CellOutputs()
  readonly #counts = new Map<string, number>()

  constructor(notebook: Notebook, init: RunInit) {
    this.#notebook = notebook
    this.#init = init
    this.#cells = notebook.cells.filter((cell) => cell.cell_type === 'code' && !hasTag(cell, SKIP_TAG))
  }

  /** The notebook as it stands now. */
  get notebook(): Notebook {
    const { cells, metadata, ...rest } = this.#notebook
    return {
      ...rest,
      metadata: { kernelspec: KERNELSPEC, ...metadata, language_info: this.#init.kernel.languageInfo },
      cells: cells.map((cell) =>
        cell.cell_type === 'code'
          ? { ...cell, outputs: this.#outputs.of(cell.id), execution_count: this.#counts.get(cell.id) ?? null }
          : cell,
      ),
    }
  }

  /**
   * Runs all cells, or those up to the first that fails and is not tagged `raises-exception`. Throws `notebook.cell-failed`,
   * `aborted` after an interrupt, `timeout`, and `kernel.*` when the kernel is gone; {@link notebook} says how far it came.
   */
  async run(): Promise<void> {
    const { listener, clock } = this.#init
    for (const [index, cell] of this.#cells.entries()) {
      const position = index + 1
      const progress = { position, count: this.#cells.length, source: cell.source, mayFail: hasTag(cell, MAY_FAIL_TAG) }
      listener.began(progress)
      const startMs = clock.monoMs()
      const end = await this.#runCell(cell, position)
      if (typeof end.execution_count === 'number') this.#counts.set(cell.id, end.execution_count)
      listener.changed()
      listener.ended(progress, end, clock.monoMs() - startMs)
      if (end.status === 'aborted') throw failed(position, 'the kernel did not run it')
      if (end.status === 'error' && !progress.mayFail) throw failed(position, describeError(end))
    }
  }

  async #runCell(cell: NotebookCell, position: number): Promise<ExecuteReply> {
    const { kernel, clock, signal, timeoutMs, listener } = this.#init
    if (signal.aborted) throw interrupted(position)
    const live = new LiveDisplays()
    const put = (output: RunOutput) => {
      live.hear(output)
      this.#outputs.put(cell.id, output)
      listener.changed()
    }
    const ended = kernel.execute(cell.source, put).catch((error: AividaError) => {
      put({ type: 'error', ename: 'KernelError', evalue: error.message, traceback: [error.message] })
      throw error
    })
    const stopped = Promise.withResolvers<AividaError>()
    const onAbort = () => stopped.resolve(interrupted(position))
    signal.addEventListener('abort', onAbort, { once: true })
    const onTime = () => stopped.resolve(timedOut(`cell ${position}`, timeoutMs!))
    const cancelTimer = timeoutMs === undefined ? () => {} : clock.after(timeoutMs, onTime)
    try {
      const end = await Promise.race([ended, stopped.promise])
      if (!(end instanceof AividaError)) return end
      // The cell is given the time to end, and to say what it has to, such as that it cancelled its job.
      await this.#atMost(limit('notebookInterruptMs'), Promise.all([kernel.interrupt(), ended]))
      await this.#atMost(limit('notebookLastWordsMs'), live.still())
      listener.changed()
      throw end
    } finally {
      cancelTimer()
      signal.removeEventListener('abort', onAbort)
    }
  }

  async #atMost(ms: number, work: Promise<unknown>): Promise<void> {
    const tooLong = Promise.withResolvers<void>()
    const cancelTimer = this.#init.clock.after(ms, () => tooLong.resolve())
    const gone = () => {} // then there is nothing left to interrupt
    await Promise.race([work.then(gone, gone), tooLong.promise])
    cancelTimer()
  }
}

/** The displays of a cell that are sure to be updated once more. */
class LiveDisplays {
  readonly #ids = new Set<string>()
  #still: (() => void) | undefined

  hear(output: RunOutput): void {
    if (output.type !== 'display_data' && output.type !== 'update_display_data') return
    const { display_id: id = '', aivida_live: isLive = false } = output.transient
    if (isLive) this.#ids.add(id)
    else this.#ids.delete(id)
    if (this.#ids.size === 0) this.#still?.()
  }

  /** Resolves when there are none. */
  async still(): Promise<void> {
    if (this.#ids.size === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#still = resolve
    await promise
  }
}

function failed(position: number, how: string): AividaError {
  return userError('notebook.cell-failed', `cell ${position} failed:\n${how}`, { cell: position })
}

function interrupted(position: number): AividaError {
  return aborted(`the run was interrupted at cell ${position}`)
}
