import type { Clock } from '../../runtime/base/clock.ts'
import { aborted } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
import { redactedText } from '../../runtime/base/secrets.ts'
import { type Cell, inCell } from '../cell.ts'
import type { MimeBundle } from '../display/mime-bundle.ts'
import type { Execution, Language } from '../language/language.ts'
import { CellOutputs, type Publish } from './cell-outputs.ts'
import { History } from './history.ts'
import type { ExecuteRequest } from './requests.ts'

/** A value in the forms that a front end can show. */
export type Render = (value: unknown) => MimeBundle | undefined | Promise<MimeBundle | undefined>

/** A request to run a cell, and where its outputs, its beginning and its reply go. */
export interface CellRequest {
  readonly request: ExecuteRequest
  readonly publish: Publish
  begin(): void
  end(reply: Readonly<Record<string, unknown>>): void
}

/** The name of the error with which an interrupted cell ends. */
const INTERRUPTED = 'KeyboardInterrupt'
/** Turns of the event loop in which what arrived while a cell computed is read: 512 messages each. */
const TURNS = 2

/** Runs cells one after the other, and counts them. */
export class CellQueue {
  readonly history: History = new History()
  readonly #language: Language
  readonly #render: Render
  readonly #clock: Clock
  readonly #waiting: CellRequest[] = []
  #running: { readonly cell: CellRequest; readonly controller: AbortController } | undefined
  #count = 0

  constructor(language: Language, render: Render, clock: Clock) {
    this.#language = language
    this.#render = render
    this.#clock = clock
  }

  /** The cell that runs. */
  get running(): CellRequest | undefined {
    return this.#running?.cell
  }

  /** Of the cell that runs. */
  get signal(): AbortSignal | undefined {
    return this.#running?.controller.signal
  }

  /** Runs a cell when those before it have ended. */
  add(cell: CellRequest): void {
    if (this.#waiting.length >= limit('kernelQueue')) this.#abort(cell)
    else this.#waiting.push(cell)
    if (!this.#running) void this.#runWaiting()
  }

  /** Interrupts the cell that runs: what it waits for ends, and the jobs that it submitted are called off. */
  interrupt(): void {
    this.#running?.controller.abort(interrupted())
  }

  async #runWaiting(): Promise<void> {
    for (let cell = this.#waiting.shift(); cell; cell = this.#waiting.shift()) {
      const controller = new AbortController()
      this.#running = { cell, controller }
      cell.begin()
      const reply = await this.#run(cell, controller)
      const failed = reply.status === 'error'
      const stops = failed && cell.request.stop_on_error
      // What a front end sent before it could know of the error is here now, also when the cell computed all the time; so is the
      // interrupt that stopped it, which is no other cell's.
      for (let turn = 0; failed && turn < TURNS; turn++) await this.#clock.turn()
      this.#running = undefined
      cell.end(reply)
      if (stops) for (const other of this.#waiting.splice(0)) this.#abort(other)
    }
  }

  #abort(cell: CellRequest): void {
    cell.begin()
    cell.end({ status: 'aborted', execution_count: this.#count })
  }

  /** The content of the reply. Never throws. */
  async #run({ request, publish }: CellRequest, controller: AbortController): Promise<Record<string, unknown>> {
    const { code, silent } = request
    if (request.store_history && !silent) this.history.add(++this.#count, code)
    const number = this.#count
    if (!silent) publish('execute_input', { code, execution_count: number })
    const outputs = new CellOutputs(silent ? () => {} : publish, this.#clock, number)
    const ended = Promise.withResolvers<void>()
    const cell: Cell = {
      number,
      code,
      signal: controller.signal,
      ended: ended.promise,
      put: (output) => outputs.put(output),
    }
    const execution = await this.#execute(code, cell)
    // A cell that computed is stopped before its interrupt is taken; what it has begun is called off all the same.
    if (execution.status === 'error' && execution.name === INTERRUPTED) controller.abort(interrupted())
    ended.resolve()
    const shown = await this.#show(execution, cell)
    if (shown.status === 'error') {
      const error = told(shown)
      outputs.flush()
      if (!silent) publish('error', error)
      return { status: 'error', execution_count: number, ...error }
    }
    if (shown.bundle) {
      outputs.put({ type: 'result', bundle: shown.bundle })
      if (request.store_history && !silent) this.history.setResult(shown.bundle['text/plain'])
    }
    const expressions = await this.#evaluate(request.user_expressions, cell)
    outputs.flush()
    return { status: 'ok', execution_count: number, payload: [], user_expressions: expressions }
  }

  async #execute(code: string, cell: Cell): Promise<Execution> {
    try {
      return await inCell(cell, () => this.#language.execute(code, cell))
    } catch (error) {
      return failed(error)
    }
  }

  /** What came of an execution, its value in the forms that are shown. */
  async #show(execution: Execution, cell: Cell): Promise<Shown> {
    if (execution.status === 'error') return execution
    if (execution.value === undefined) return { status: 'ok' }
    try {
      const bundle = await inCell(cell, () => this.#render(execution.value))
      return bundle ? { status: 'ok', bundle } : { status: 'ok' }
    } catch (error) {
      return failed(error)
    }
  }

  /** Values that a front end wants beside the cell's, by name; what they write is nobody's. */
  async #evaluate(expressions: Readonly<Record<string, string>>, cell: Cell): Promise<Record<string, unknown>> {
    const quiet: Cell = { ...cell, put: () => {} }
    const values: Record<string, unknown> = {}
    for (const [name, code] of Object.entries(expressions)) {
      const shown = await this.#show(await this.#execute(code, quiet), quiet)
      values[name] =
        shown.status === 'ok'
          ? { status: 'ok', data: shown.bundle ?? { 'text/plain': 'undefined' }, metadata: {} }
          : { status: 'error', ...told(shown) }
    }
    return values
  }
}

type Failure = Extract<Execution, { status: 'error' }>
type Shown = { readonly status: 'ok'; readonly bundle?: MimeBundle } | Failure

/** A failure as it is told, without secrets that can be told by how they look. */
function told({ name, message, traceback }: Failure) {
  return {
    ename: redactedText(name),
    evalue: redactedText(message),
    traceback: redactedText(traceback.join('\n')).split('\n'),
  }
}

function interrupted(): Error {
  return aborted('the cell was interrupted')
}

function failed(error: unknown): Failure {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
  return { status: 'error', name, message, traceback: (stack ?? `${name}: ${message}`).split('\n') }
}
