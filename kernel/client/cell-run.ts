import type { ExecuteReply, RunOutput } from './run-output.ts'

/** A cell that a kernel was given: its reply, and what it puts out, while it does. Iterated until the cell has ended. */
export class CellRun implements AsyncIterable<RunOutput> {
  /** The `msg_id` of the request. */
  readonly id: string
  /** All that was put out so far; what the cell left running may add to it later. */
  readonly outputs: RunOutput[] = []
  /** Rejects with `kernel.died`, `kernel.closed` or `kernel.reply`. */
  readonly reply: Promise<ExecuteReply>
  /** Resolves when all outputs of the cell are here; rejects as {@link reply} does. */
  readonly idle: Promise<void>
  readonly #reply = Promise.withResolvers<ExecuteReply>()
  readonly #idle = Promise.withResolvers<void>()
  #hasEnded = false
  #news = Promise.withResolvers<void>()

  constructor(id: string) {
    this.id = id
    this.reply = this.#reply.promise
    this.idle = this.#idle.promise
    for (const promise of [this.reply, this.idle]) promise.catch(() => {}) // whoever waits for neither hears of neither
  }

  /** Whether the kernel is idle again, or gone. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Waits for reply and outputs. */
  async done(): Promise<{ readonly reply: ExecuteReply; readonly outputs: readonly RunOutput[] }> {
    const [reply] = await Promise.all([this.reply, this.idle])
    return { reply, outputs: this.outputs }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RunOutput, void, void> {
    for (let at = 0; ; ) {
      while (at < this.outputs.length) yield this.outputs[at++]!
      if (this.#hasEnded) return this.idle
      await this.#news.promise
    }
  }

  /** For the client: an output came. */
  add(output: RunOutput): void {
    this.outputs.push(output)
    this.#tell()
  }

  /** For the client: the reply came. */
  answer(reply: ExecuteReply): void {
    this.#reply.resolve(reply)
  }

  /** For the client: the kernel is idle again, or nothing will come any more. */
  finish(error?: Error): void {
    if (error) {
      this.#reply.reject(error)
      this.#idle.reject(error)
    } else this.#idle.resolve()
    this.#hasEnded = true
    this.#tell()
  }

  #tell(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }
}
