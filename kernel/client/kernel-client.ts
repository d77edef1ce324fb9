import { setTimeout as sleep } from 'node:timers/promises'
import { AividaError, peerError, timedOut } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
import type { Connection } from '../messaging/connection.ts'
import type { Message } from '../messaging/message.ts'
import { CellRun } from './cell-run.ts'
import { Channels } from './channels.ts'
import { failedStart, KernelProcess, type ProcessOptions } from './kernel-process.ts'
import { executeReply, outputIn } from './run-output.ts'

/** How a kernel is started. */
export interface KernelOptions extends ProcessOptions {
  /** Until it has answered. Default: the limit `kernelStartMs`. */
  readonly startMs?: number | undefined
}

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

type Content = Readonly<Record<string, unknown>>
interface Pending {
  readonly resolve: (content: Content) => void
  readonly reject: (error: Error) => void
}

/** Tries of a start whose ports somebody else took between looking and listening. */
const STARTS = 3
const PORT_TAKEN = /EADDRINUSE|address already in use/i
const NUDGE_MS = 50

/**
 * A kernel that this process started, and the line to it. Every wait ends: with the answer, with `timeout`, or with
 * `kernel.died`, which says how the process ended and what it said last.
 */
export class KernelClient {
  /** Hears everything that the kernel tells on IOPub, as it came. */
  onTold: ((message: Message) => void) | undefined
  readonly #options: KernelOptions
  #process: KernelProcess
  #channels: Channels
  #info: Content = {}
  /** Why nothing is heard of this kernel any more. */
  #over: AividaError | undefined
  readonly #pending = new Map<string, Pending>()
  readonly #runs = new Map<string, CellRun>()

  private constructor(options: KernelOptions, started: KernelProcess) {
    this.#options = options
    this.#process = started
    this.#channels = new Channels(started.connection)
  }

  /** Starts a kernel, and waits until it answers and its outputs arrive. Throws `kernel.start`. */
  static async start(options: KernelOptions): Promise<KernelClient> {
    for (let attempt = 1; ; attempt++) {
      const client = new KernelClient(options, await KernelProcess.start(options))
      try {
        await client.#open()
        return client
      } catch (error) {
        if (attempt === STARTS || !PORT_TAKEN.test(client.#process.words)) throw error
      }
    }
  }

  /** What the kernel said of itself: the content of its `kernel_info_reply`. */
  get info(): Content {
    return this.#info
  }

  /** Where the kernel listens, and the key that both sign with. */
  get connection(): Connection {
    return this.#process.connection
  }

  get pid(): number {
    return this.#process.pid
  }

  /** What the kernel last wrote outside of all cells. */
  get words(): string {
    return this.#process.words
  }

  /** Resolves when the kernel's process has ended, with how, in words. */
  get ended(): Promise<string> {
    return this.#process.ended
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

  /**
   * Interrupts the cell that runs: by SIGINT to the kernel's process group, or by a message on the control channel, which a kernel
   * cannot read while a cell computes. Default: the signal, where the system has signals.
   */
  async interrupt(by: 'message' | 'signal' = process.platform === 'win32' ? 'message' : 'signal'): Promise<void> {
    if (by === 'signal') this.#process.signal('SIGINT')
    else await this.request('interrupt_request', {}, { channel: 'control' })
  }

  /** Whether the kernel gives a heartbeat back. */
  isAlive(ms = limit('kernelReplyMs')): Promise<boolean> {
    return this.#channels.ping(ms)
  }

  /** Ends the kernel: asks it to, and kills it when that takes longer than `kernelExitMs`. Gives how it ended. */
  async shutdown({ restart = false } = {}): Promise<string> {
    const deadline = performance.now() + limit('kernelExitMs')
    const asked = this.request('shutdown_request', { restart }, { channel: 'control', ms: limit('kernelExitMs') })
    await Promise.race([asked.catch(() => {}), this.#process.ended])
    const end = await this.#process.waitOrKill(deadline - performance.now())
    this.#close(new AividaError({ code: 'kernel.closed', category: 'aborted', message: 'the kernel was shut down' }))
    return end
  }

  /** Ends the kernel and starts it anew: nothing that cells made is there any more. */
  async restart(): Promise<void> {
    await this.shutdown({ restart: true })
    this.#process = await KernelProcess.start(this.#options)
    this.#channels = new Channels(this.#process.connection)
    this.#over = undefined
    await this.#open()
  }

  /** Ends the kernel at once, without asking. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<string> {
    this.#process.signal(signal)
    return this.#process.waitOrKill(limit('kernelExitMs'))
  }

  /** Hears the kernel, and waits until it answers and what it tells arrives: a subscription takes its time. */
  async #open(): Promise<void> {
    const { startMs = limit('kernelStartMs') } = this.#options
    const started = this.#process
    let isHeard = false
    this.#channels.hear(
      (message) => this.#hearReply(message),
      (message) => {
        isHeard ||= message.parent !== undefined
        this.#hearTold(message)
      },
    )
    void started.ended.then(() => this.#process === started && this.#close(this.#died()))
    try {
      this.#info = await this.request('kernel_info_request', {}, { ms: startMs })
      for (let waitedMs = 0; !isHeard; waitedMs += NUDGE_MS) {
        if (waitedMs > startMs) throw timedOut('hearing what the kernel tells', startMs)
        await this.request('kernel_info_request')
        await sleep(NUDGE_MS)
      }
    } catch (error) {
      this.#process.signal('SIGKILL')
      const end = await this.#process.ended
      this.#channels.close()
      throw failedStart(`the kernel did not start (${(error as Error).message}): ${end}${this.#lastWords()}`)
    }
  }

  #hearReply({ parent, content, header }: Message): void {
    const id = parent?.msg_id ?? ''
    this.#pending.get(id)?.resolve(content)
    if (header.msg_type !== 'execute_reply') return
    const run = this.#runs.get(id)
    const reply = executeReply(content)
    if (reply) run?.answer(reply)
    else run?.finish(peerError('kernel.reply', `expected an execute_reply, the kernel sent ${JSON.stringify(content)}`))
  }

  #hearTold(message: Message): void {
    this.onTold?.(message)
    const run = this.#runs.get(message.parent?.msg_id ?? '')
    if (!run) return
    const output = outputIn(message)
    if (output) run.add(output)
    else if (message.header.msg_type === 'status' && message.content.execution_state === 'idle') run.finish()
  }

  #close(error: AividaError): void {
    this.#over ??= error
    this.#channels.close()
    for (const { reject } of this.#pending.values()) reject(error)
    for (const run of this.#runs.values()) run.finish(error)
    this.#runs.clear()
  }

  /** Lets go of the cells that ended longest ago. */
  #forget(): void {
    for (const [id, { hasEnded }] of this.#runs) {
      if (this.#runs.size <= limit('kernelRuns')) return
      if (hasEnded) this.#runs.delete(id)
    }
  }

  #died(): AividaError {
    const message = `the kernel died: ${this.#process.end}${this.#lastWords()}`
    return new AividaError({ code: 'kernel.died', category: 'platform', message, retryable: true })
  }

  #lastWords(): string {
    return this.words === '' ? ', without a word' : `. It last said:\n${this.words}`
  }
}
