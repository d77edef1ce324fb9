import { setTimeout as sleep } from 'node:timers/promises'
import { AividaError, peerError, timedOut } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
import type { Connection } from '../messaging/connection.ts'
import type { Message } from '../messaging/message.ts'
import { CellRun } from './cell-run.ts'
import { Channels } from './channels.ts'
import { executeReply, outputIn } from './run-output.ts'

/** How a cell is run; the names are those of the protocol's `execute_request`, which has what is not said here. */
export interface ExecuteOptions {
  /** Shows nothing, counts nothing. Default: `false`. */
  readonly silent?: boolean
  /** Default: `true`. */
  readonly storeHistory?: boolean
  /** Expressions whose values come with the reply, by name. */
  readonly userExpressions?: Readonly<Record<string, string>>
  /** Whether cells that wait are aborted when this one fails. Default: `true`. */
  readonly stopOnError?: boolean
}

/** The content of a message. */
export type Content = Readonly<Record<string, unknown>>
interface Pending {
  readonly resolve: (content: Content) => void
  readonly reject: (error: Error) => void
}

const NUDGE_MS = 50

/**
 * The line to a kernel that runs, whoever started it: as a browser has it that was closed, and is opened again. Every wait ends,
 * with the answer or with `timeout`.
 */
export class FrontEnd {
  /** Hears everything that the kernel tells on IOPub, as it came: of cells of others, too. */
  onTold: ((message: Message) => void) | undefined
  /** Whether somebody asked the kernel to end: it said so to all, or is about to. */
  protected wasAskedToEnd = false
  /** Why nothing is heard of the kernel any more. */
  #over: AividaError | undefined
  #info: Content = {}
  #connection: Connection
  #channels: Channels
  readonly #pending = new Map<string, Pending>()
  readonly #runs = new Map<string, CellRun>()

  protected constructor(connection: Connection) {
    this.#connection = connection
    this.#channels = new Channels(connection)
  }

  /**
   * Connects to a kernel by what stands in its connection file. Throws `timeout` when nobody answers.
   * @param ms How long to wait. Default: the limit `kernelReplyMs`.
   */
  static async connect(connection: Connection, ms = limit('kernelReplyMs')): Promise<FrontEnd> {
    const frontEnd = new FrontEnd(connection)
    try {
      await frontEnd.open(ms)
      return frontEnd
    } catch (error) {
      frontEnd.disconnect()
      throw error
    }
  }

  /** What the kernel said of itself: the content of its `kernel_info_reply`. */
  get info(): Content {
    return this.#info
  }

  /** Where the kernel listens, and the key that both sign with. */
  get connection(): Connection {
    return this.#connection
  }

  /** Runs a cell. It has no deadline: a cell may train for days. */
  execute(code: string, options: ExecuteOptions = {}): CellRun {
    const { silent = false, storeHistory = true, userExpressions = {}, stopOnError = true } = options
    const id = this.#channels.send('shell', 'execute_request', {
      code,
      silent,
      store_history: storeHistory,
      user_expressions: userExpressions,
      allow_stdin: false,
      stop_on_error: stopOnError,
    })
    const run = new CellRun(id)
    if (this.#over) run.finish(this.#over)
    else this.#runs.set(id, run)
    this.#forget()
    return run
  }

  /**
   * Any other request; gives the content of the reply. Throws `timeout`, `kernel.died`, `kernel.closed`.
   * @param ms How long to wait. Default: the limit `kernelReplyMs`.
   */
  async request(
    type: string,
    content: Content = {},
    { channel = 'shell', ms = limit('kernelReplyMs') }: { channel?: 'shell' | 'control'; ms?: number } = {},
  ): Promise<Content> {
    if (this.#over) throw this.#over
    const id = this.#channels.send(channel, type, content)
    const { promise, resolve, reject } = Promise.withResolvers<Content>()
    this.#pending.set(id, { resolve, reject })
    const timer = setTimeout(() => reject(timedOut(`a reply to ${type}`, ms)), ms)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#pending.delete(id)
    }
  }

  /** What could stand at the cursor (in characters of Unicode): a `complete_reply`. */
  complete(code: string, cursor: number): Promise<Content> {
    return this.request('complete_request', { code, cursor_pos: cursor })
  }

  /** What is known of what stands at the cursor: an `inspect_reply`. */
  inspect(code: string, cursor: number): Promise<Content> {
    return this.request('inspect_request', { code, cursor_pos: cursor, detail_level: 0 })
  }

  /** Whether code could be run as it is: an `is_complete_reply`. */
  isComplete(code: string): Promise<Content> {
    return this.request('is_complete_request', { code })
  }

  /** What was run: a `history_reply`. `query`: as in the protocol; default: the last 100 cells. */
  history(query: Content = { hist_access_type: 'tail', n: 100 }): Promise<Content> {
    return this.request('history_request', { output: false, raw: true, ...query })
  }

  /** Interrupts the cell that runs by a message; returns when the kernel has taken it. Throws `timeout`, `kernel.died`. */
  async interrupt(): Promise<void> {
    await this.request('interrupt_request', {}, { channel: 'control' })
  }

  /** Whether the kernel gives a heartbeat back. */
  isAlive(ms = limit('kernelReplyMs')): Promise<boolean> {
    return this.#channels.ping(ms)
  }

  /** Hears and says no more, at once; the kernel and the cells that it has begun go on. What waits here ends with `kernel.closed`. */
  disconnect(): void {
    this.close(
      new AividaError({ code: 'kernel.closed', category: 'aborted', message: 'the line to the kernel was closed' }),
    )
  }

  /** Waits until the kernel answers and what it tells arrives: a subscription takes its time. Throws `timeout`. */
  protected async open(ms: number): Promise<void> {
    let isHeard = false
    this.#channels.hear(
      (message) => this.#hearReply(message),
      (message) => {
        isHeard ||= message.parent !== undefined
        this.#hearTold(message)
      },
    )
    this.#info = await this.request('kernel_info_request', {}, { ms })
    for (let waitedMs = 0; !isHeard; waitedMs += NUDGE_MS) {
      if (waitedMs > ms) throw timedOut('hearing what the kernel tells', ms)
      await this.request('kernel_info_request')
      await sleep(NUDGE_MS)
    }
  }

  /** Ends whatever waits here. */
  protected close(error: AividaError): void {
    this.#over ??= error
    this.#channels.close()
    for (const { reject } of this.#pending.values()) reject(error)
    for (const run of this.#runs.values()) run.finish(error)
    this.#runs.clear()
  }

  /** Speaks to another kernel from now on, once that is opened. */
  protected moveTo(connection: Connection): void {
    this.#channels.close()
    this.#connection = connection
    this.#channels = new Channels(connection)
    this.#over = undefined
    this.wasAskedToEnd = false
  }

  #hearReply({ parent, content, header }: Message): void {
    const id = parent?.msg_id ?? ''
    if (header.msg_type === 'shutdown_reply') this.wasAskedToEnd = true
    this.#pending.get(id)?.resolve(content)
    if (header.msg_type !== 'execute_reply') return
    const run = this.#runs.get(id)
    const reply = executeReply(content)
    if (reply) run?.answer(reply)
    else run?.finish(peerError('kernel.reply', `expected an execute_reply, the kernel sent ${JSON.stringify(content)}`))
  }

  #hearTold(message: Message): void {
    if (message.header.msg_type === 'shutdown_reply') this.wasAskedToEnd = true
    this.onTold?.(message)
    const run = this.#runs.get(message.parent?.msg_id ?? '')
    if (!run) return
    const output = outputIn(message)
    if (output) run.add(output)
    else if (message.header.msg_type === 'status' && message.content.execution_state === 'idle') run.finish()
  }

  /** Lets go of the cells that ended longest ago. */
  #forget(): void {
    for (const [id, { hasEnded }] of this.#runs) {
      if (this.#runs.size <= limit('kernelRuns')) return
      if (hasEnded) this.#runs.delete(id)
    }
  }
}
