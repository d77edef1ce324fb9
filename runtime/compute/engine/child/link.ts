import { type Clock, every } from '../../../base/clock.ts'
import { type AividaError, aborted, fromRecord, toAividaError } from '../../../base/errors.ts'
import { limit } from '../../../base/limits.ts'
import type { EngineInfo } from '../engine.ts'
import type { Exit } from './endings.ts'
import { died, outOfMemory, timeout } from './endings.ts'
import { type Frame, protocol } from './frame.ts'
import { FrameReader } from './frame-reader.ts'
import type { Reply } from './messages.ts'
import type { EngineProcess } from './process.ts'
import { replySchema } from './reply-schema.ts'
import { Turns } from './turns.ts'

/** Something that is asked of a child: what it is called in messages, and how long each answer may take. */
export interface Talk {
  readonly what: string
  readonly limitMs: number
  readonly signal: AbortSignal | undefined
}

/** One request of a child. */
export interface Call extends Talk {
  /** Writes the request. When it fails, half of it is on the channel, so the child is of no use any more. */
  readonly send: () => void | Promise<void>
}

/** A child's undivided attention, for requests that are sent ahead of their answers. */
export interface Exchange {
  /**
   * Sends a request, all of it before the next one. When that fails, half of it is on the channel, so the child is of no
   * use any more.
   */
  readonly send: (write: () => void | Promise<void>) => void
  /** The answer to the earliest request whose answer was not asked for. Throws what the child failed of, and what ended it. */
  readonly reply: () => Promise<Frame<Reply>>
}

/** Below this a copy is cheaper than a list of pieces for the system to gather. Bytes. */
const JOIN_BELOW = 64 * 1024

/**
 * The parent's end of a child: one call at a time, under a time limit, a memory limit and a signal. Whatever breaks a
 * call that has begun ends the child, because nothing else stops native code.
 */
export class ChildLink {
  /** Resolves when the child can take work; rejects when it never will. */
  readonly ready: Promise<EngineInfo>
  readonly exited: Promise<Exit>
  readonly #process: EngineProcess
  readonly #clock: Clock
  readonly #memoryBytes: number
  readonly #turns = new Turns()
  readonly #ready = Promise.withResolvers<EngineInfo>()
  readonly #settled = Promise.withResolvers<void>()
  /** Requests that were sent and are not answered yet. */
  #pending: PromiseWithResolvers<Frame<Reply>>[] = []
  #exit: Exit | undefined
  /** Why this side ended the child. */
  #reason: AividaError | undefined
  #holds = 0

  constructor(process: EngineProcess, clock: Clock, memoryBytes: number) {
    this.#process = process
    this.#clock = clock
    this.#memoryBytes = memoryBytes
    this.ready = this.#ready.promise
    this.ready.catch(() => {}) // told to whoever calls
    this.exited = process.exited
    this.exited.then((exit) => {
      this.#exit = exit
      this.#settle()
    })
    const reader = new FrameReader(memoryBytes, (frame) => this.#receive(frame))
    process.channel.on('data', (chunk: Uint8Array) => {
      try {
        reader.push(chunk)
      } catch (error) {
        this.end(toAividaError(error, 'engine.protocol'))
      }
    })
    const startMs = limit('engineStartMs')
    const stops = [this.#hold(), clock.after(startMs, () => this.end(timeout('the start', startMs)))]
    for (const stop of stops) this.ready.then(stop, stop)
  }

  /** Whether the child may still take work. */
  get alive(): boolean {
    return !this.#exit && !this.#reason
  }

  /** Resolves when the bytes left this process, so that a large model is never buffered whole. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#process.channel.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
  }

  /** Hands small pieces over at once, as one message. */
  writeAll(pieces: readonly Uint8Array[]): void {
    const { channel } = this.#process
    if (pieces.length > 2 && pieces.reduce((sum, { byteLength }) => sum + byteLength, 0) <= JOIN_BELOW) {
      channel.write(Buffer.concat(pieces))
      return
    }
    channel.cork()
    for (const piece of pieces) channel.write(piece)
    channel.uncork()
  }

  /** Waits for its turn, sends, and gives the reply. */
  call({ send, ...talk }: Call): Promise<Frame<Reply>> {
    return this.converse(talk, ({ send: request, reply }) => {
      request(send)
      return reply()
    })
  }

  /**
   * Waits for its turn and lets `talk` send and hear as it likes. Answers that it did not wait for are awaited before the
   * next has its turn.
   */
  async converse<T>({ what, limitMs, signal }: Talk, talk: (exchange: Exchange) => Promise<T>): Promise<T> {
    const done = await this.#turns.take(signal)
    const onAbort = () => void this.end(aborted())
    const stops = [done, this.#hold(), () => signal?.removeEventListener('abort', onAbort)]
    signal?.addEventListener('abort', onAbort, { once: true })
    const answers: Promise<Frame<Reply>>[] = []
    try {
      await this.ready
      if (signal?.aborted) throw aborted()
      if (!this.alive) throw died(this.#exit, this.#reason)
      stops.push(every(this.#clock, limit('engineMemoryPollMs'), () => this.#watchMemory()))
      const send: Exchange['send'] = (write) => {
        const pending = Promise.withResolvers<Frame<Reply>>()
        pending.promise.catch(() => {}) // told to whoever asks for it
        answers.push(pending.promise)
        if (!this.alive) return pending.reject(died(this.#exit, this.#reason))
        this.#pending.push(pending)
        const sending = async () => write()
        sending().catch((error) => this.end(toAividaError(error, 'engine.died')))
      }
      const reply = async () => {
        const stop = this.#clock.after(limitMs, () => this.end(timeout(what, limitMs)))
        try {
          const frame = await answers.shift()!
          if (frame.header.op === 'failed') throw fromRecord(frame.header.error)
          return frame
        } finally {
          stop()
        }
      }
      try {
        return await talk({ send, reply })
      } finally {
        while (answers.length > 0) await reply().catch(() => {})
      }
    } finally {
      this.#pending = []
      for (const stop of stops) stop()
    }
  }

  /** Ends the child for a reason of this side's; the first one stands, and is what the call in progress throws. */
  end(reason: AividaError): AividaError {
    if (!this.alive) return this.#reason ?? reason
    this.#reason = reason
    this.#process.kill()
    // A process stuck in the kernel dies when the kernel lets go; who waits for it has waited long enough.
    const stops = [this.#hold(), this.#clock.after(limit('cancelMs'), () => this.#settle())]
    for (const stop of stops) this.#settled.promise.then(stop)
    return reason
  }

  /** Ends the child; resolves when it is gone, or has ignored its end for too long. */
  async kill(): Promise<void> {
    this.end(aborted('the engine child was stopped'))
    await this.#settled.promise
  }

  #receive({ header, parts }: Frame<unknown>): void {
    const reply = replySchema.safeParse(header)
    if (!reply.success) this.end(protocol('a reply'))
    else if (reply.data.op === 'ready') this.#ready.resolve(reply.data.info)
    else if (this.#pending.length > 0) this.#pending.shift()!.resolve({ header: reply.data, parts })
    else this.end(protocol('silence between calls'))
  }

  #watchMemory(): void {
    const residentBytes = this.#process.residentBytes() ?? 0
    if (residentBytes > this.#memoryBytes) this.end(outOfMemory(residentBytes, this.#memoryBytes))
  }

  #settle(): void {
    const failure = this.#reason ?? died(this.#exit, undefined)
    this.#ready.reject(failure)
    for (const pending of this.#pending) pending.reject(failure)
    this.#settled.resolve()
  }

  /** Keeps this process from exiting by itself until the returned function is called: somebody waits for the child. */
  #hold(): () => void {
    if (this.#holds++ === 0) this.#process.hold(true)
    return () => {
      if (--this.#holds === 0) this.#process.hold(false)
    }
  }
}
