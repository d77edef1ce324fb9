import { setTimeout as sleep } from 'node:timers/promises'
import { AividaError } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
import { FrontEnd } from './front-end.ts'
import { failedStart, KernelProcess, type ProcessOptions } from './kernel-process.ts'

/** How a kernel is started. */
export interface KernelOptions extends ProcessOptions {
  /** Until it has answered. Default: the limit `kernelStartMs`. */
  readonly startMs?: number | undefined
}

/** Tries of a start whose ports somebody else took between looking and listening. */
const STARTS = 3
const PORT_TAKEN = /EADDRINUSE|address already in use/i
/** From the end of a kernel's process until what it sent before is here. */
const LAST_WORDS_MS = 50

/**
 * A kernel that this process started, and the line to it. Every wait ends: with the answer, with `timeout`, or with
 * `kernel.died`, which says how the process ended and what it said last.
 */
export class KernelClient extends FrontEnd {
  readonly #options: KernelOptions
  #process: KernelProcess

  private constructor(options: KernelOptions, started: KernelProcess) {
    super(started.connection)
    this.#options = options
    this.#process = started
  }

  /** Starts a kernel, and waits until it answers and its outputs arrive. Throws `kernel.start`. */
  static async start(options: KernelOptions): Promise<KernelClient> {
    for (let attempt = 1; ; attempt++) {
      const client = new KernelClient(options, await KernelProcess.start(options))
      try {
        await client.#start()
        return client
      } catch (error) {
        if (attempt === STARTS || !PORT_TAKEN.test(client.#process.words)) throw error
      }
    }
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

  /**
   * Interrupts the cell that runs: by a message on the control channel, or by SIGINT to the kernel's process group. A kernel of ours
   * hears the message also while a cell computes, the signal when it has ended; others may be otherwise. Default: the message.
   */
  override async interrupt(by: 'message' | 'signal' = 'message'): Promise<void> {
    if (by === 'signal') this.#process.signal('SIGINT')
    else await super.interrupt()
  }

  /** Ends the kernel: asks it to, and kills it when that takes longer than `kernelExitMs`. Gives how it ended. */
  async shutdown({ restart = false } = {}): Promise<string> {
    this.wasAskedToEnd = true
    const deadline = performance.now() + limit('kernelExitMs')
    const asked = this.request('shutdown_request', { restart }, { channel: 'control', ms: limit('kernelExitMs') })
    await Promise.race([asked.catch(() => {}), this.#process.ended])
    const end = await this.#process.waitOrKill(deadline - performance.now())
    this.close(shutDown())
    return end
  }

  /** Ends the kernel and starts it anew: nothing that cells made is there any more. */
  async restart(): Promise<void> {
    await this.shutdown({ restart: true })
    this.#process = await KernelProcess.start(this.#options)
    this.moveTo(this.#process.connection)
    await this.#start()
  }

  /** Ends the kernel at once, without asking. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<string> {
    this.#process.signal(signal)
    return this.#process.waitOrKill(limit('kernelExitMs'))
  }

  async #start(): Promise<void> {
    const started = this.#process
    void started.ended
      .then(() => sleep(LAST_WORDS_MS))
      .then(() => this.#process === started && this.close(this.wasAskedToEnd ? shutDown() : this.#died()))
    try {
      await this.open(this.#options.startMs ?? limit('kernelStartMs'))
    } catch (error) {
      this.#process.signal('SIGKILL')
      const end = await this.#process.ended
      throw failedStart(`the kernel did not start (${(error as Error).message}): ${end}${this.#lastWords()}`)
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

function shutDown(): AividaError {
  return new AividaError({ code: 'kernel.closed', category: 'aborted', message: 'the kernel was shut down' })
}
