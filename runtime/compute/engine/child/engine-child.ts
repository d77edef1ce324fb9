import { type Clock, every } from '../../../base/clock.ts'
import { type AividaError, aborted, fromRecord, toAividaError } from '../../../base/errors.ts'
import { limit } from '../../../base/limits.ts'
import { checkTensors } from '../../../data/tensor/check.ts'
import type { NamedTensors } from '../../../data/tensor/tensor.ts'
import type { Engine, EngineInfo, EngineSession, LoadOptions, ModelSource, RunOptions } from '../engine.ts'
import { openModelFile } from '../model-file.ts'
import { ChildSession } from './child-session.ts'
import { type ChildSettings, engineCommand } from './command.ts'
import { died, outOfMemory, timeout } from './endings.ts'
import { type Frame, frameHead, protocol } from './frame.ts'
import { FrameReader } from './frame-reader.ts'
import { packTensors, type Reply, type Request, unpackTensors } from './messages.ts'
import { type EngineProcess, type Exit, spawnEngine } from './process.ts'
import { replySchema } from './reply-schema.ts'
import { Turns } from './turns.ts'

/** What an {@link EngineChild} needs. */
export interface EngineChildInit {
  readonly clock: Clock
  /** Above this much resident memory the child is killed. Bytes. Default and upper bound: `engineMemoryBytes`. */
  readonly memoryBytes?: number
  readonly settings?: Omit<ChildSettings, 'memoryBytes'>
  /** Default: a real process of {@link engineCommand}. */
  readonly spawn?: (settings: ChildSettings) => EngineProcess
}

/** The call in progress. */
interface Exchange {
  readonly resolve: (frame: Frame<Reply>) => void
  readonly reject: (error: AividaError) => void
}

/**
 * An engine in a process of its own. One call at a time; others wait. Whatever goes wrong with a call that has begun -
 * abort, time, memory, a broken channel - ends the child, because nothing else stops native code; its sessions are gone
 * then, and later calls throw `engine.died`.
 */
export class EngineChild implements Engine {
  /** Resolves when the child can take work. Throws `engine.died`, `engine.timeout`. */
  readonly ready: Promise<EngineInfo>
  /** Resolves when the process is gone, for whatever reason. */
  readonly exited: Promise<Exit>
  readonly pid: number | undefined
  readonly #clock: Clock
  readonly #memoryBytes: number
  readonly #process: EngineProcess
  readonly #turns = new Turns()
  readonly #ready = Promise.withResolvers<EngineInfo>()
  #exchange: Exchange | undefined
  #exit: Exit | undefined
  /** Why this side ended the child. */
  #reason: AividaError | undefined
  #nextSession = 1
  #holds = 0

  constructor({ clock, memoryBytes, settings, spawn }: EngineChildInit) {
    this.#clock = clock
    this.#memoryBytes = Math.min(memoryBytes ?? limit('engineMemoryBytes'), limit('engineMemoryBytes'))
    const start = spawn ?? ((all) => spawnEngine(engineCommand(all)))
    this.#process = start({ ...settings, memoryBytes: this.#memoryBytes })
    const letGo = this.#hold()
    this.pid = this.#process.pid
    this.ready = this.#ready.promise
    this.ready.catch(() => {}) // told to whoever calls
    this.exited = this.#process.exited
    this.exited.then((exit) => {
      this.#exit = exit
      this.#settle()
    })
    const reader = new FrameReader(this.#memoryBytes, (frame) => this.#receive(frame))
    this.#process.channel.on('data', (chunk: Uint8Array) => {
      try {
        reader.push(chunk)
      } catch (error) {
        this.#end(toAividaError(error, 'engine.protocol'))
      }
    })
    const late = clock.after(limit('engineStartMs'), () => this.#end(timeout('the start', limit('engineStartMs'))))
    for (const stop of [late, letGo]) this.ready.then(stop, stop)
  }

  /** Whether the child may still take work. */
  get alive(): boolean {
    return !this.#exit && !this.#reason
  }

  info(): Promise<EngineInfo> {
    return this.ready
  }

  async load(source: ModelSource, options: LoadOptions = {}): Promise<EngineSession> {
    const { signal, timeoutMs, ...rest } = options
    const session = this.#nextSession++
    const weights = Object.entries(source.weights ?? {})
    const files = await Promise.all([source.graph, ...weights.map(([, file]) => file)].map(openModelFile))
    try {
      const request: Request = { op: 'load', session, weights: weights.map(([name]) => name), options: rest }
      const { header } = await this.#call('loading the model', timeoutMs, 'engineLoadMs', signal, async () => {
        await this.#write(
          frameHead(
            request,
            files.map(({ sizeBytes }) => sizeBytes),
          ),
        )
        for (const file of files) for await (const chunk of file.chunks(signal)) await this.#write(chunk)
      })
      if (header.op !== 'loaded') throw this.#end(protocol('a loaded model'))
      return new ChildSession(this, session, header.report)
    } finally {
      await Promise.all(files.map((file) => file.close()))
    }
  }

  /** Runs a loaded session; see {@link EngineSession.run}. */
  async run(session: number, inputs: NamedTensors, options: RunOptions): Promise<NamedTensors> {
    const { heads, parts } = packTensors(inputs)
    const request: Request = { op: 'run', session, tensors: heads, finite: options.finite ?? false }
    const { header, parts: outputs } = await this.#call(
      'a run',
      options.timeoutMs,
      'engineRunMs',
      options.signal,
      () => {
        const { channel } = this.#process
        channel.cork()
        channel.write(
          frameHead(
            request,
            parts.map(({ byteLength }) => byteLength),
          ),
        )
        for (const part of parts) channel.write(part)
        channel.uncork()
      },
    )
    if (header.op !== 'ran') throw this.#end(protocol('tensors'))
    try {
      const tensors = unpackTensors(header.tensors, outputs)
      checkTensors(tensors)
      return tensors
    } catch {
      throw this.#end(protocol('well-formed tensors'))
    }
  }

  /** Frees a session, unless the child is gone anyway. */
  async release(session: number): Promise<void> {
    if (!this.alive) return
    await this.#call('closing a session', undefined, 'engineRunMs', undefined, () => {
      this.#process.channel.write(frameHead({ op: 'close', session } satisfies Request, []))
    })
  }

  /** Ends the child; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#end(aborted('the engine child was stopped'))
    await this.exited
  }

  /** One request and its reply, under a time limit, the memory limit and a signal. */
  async #call(
    what: string,
    timeoutMs: number | undefined,
    bound: 'engineLoadMs' | 'engineRunMs',
    signal: AbortSignal | undefined,
    send: () => void | Promise<void>,
  ): Promise<Frame<Reply>> {
    const done = await this.#turns.take(signal)
    const onAbort = () => void this.#end(aborted())
    const stops = [done, this.#hold(), () => signal?.removeEventListener('abort', onAbort)]
    try {
      if (!this.alive) throw this.#died()
      signal?.addEventListener('abort', onAbort, { once: true })
      await this.ready
      const limitMs = Math.min(timeoutMs ?? limit(bound), limit(bound))
      stops.push(this.#clock.after(limitMs, () => this.#end(timeout(what, limitMs))))
      stops.push(every(this.#clock, limit('engineMemoryPollMs'), () => this.#watchMemory()))
      const { promise: reply, resolve, reject } = Promise.withResolvers<Frame<Reply>>()
      this.#exchange = { resolve, reject }
      // A failure to send leaves half a frame on the channel, so the child is of no use any more.
      Promise.resolve(send()).catch((error) => this.#end(toAividaError(error, 'engine.died')))
      const frame = await reply
      if (frame.header.op === 'failed') throw fromRecord(frame.header.error)
      return frame
    } finally {
      this.#exchange = undefined
      for (const stop of stops) stop()
    }
  }

  /** Resolves when the bytes left this process, so that a large model is never buffered whole. */
  #write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#process.channel.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
  }

  #receive({ header, parts }: Frame<unknown>): void {
    const reply = replySchema.safeParse(header)
    if (!reply.success) this.#end(protocol('a reply'))
    else if (reply.data.op === 'ready') this.#ready.resolve(reply.data.info)
    else if (this.#exchange) this.#exchange.resolve({ header: reply.data, parts })
    else this.#end(protocol('silence between calls'))
  }

  #watchMemory(): void {
    const residentBytes = this.#process.residentBytes() ?? 0
    if (residentBytes > this.#memoryBytes) this.#end(outOfMemory(residentBytes, this.#memoryBytes))
  }

  /** Ends the child for a reason of this side's; the first one stands, and is what the call in progress throws. */
  #end(reason: AividaError): AividaError {
    if (!this.alive) return this.#reason ?? reason
    this.#reason = reason
    this.#process.kill()
    // A process stuck in the kernel dies when the kernel lets go; its caller has waited long enough.
    const stop = this.#clock.after(limit('cancelMs'), () => this.#settle())
    this.exited.then(stop)
    this.exited.then(this.#hold())
    return reason
  }

  /** Keeps this process from exiting by itself until the returned function is called: while somebody waits. */
  #hold(): () => void {
    if (this.#holds++ === 0) this.#process.hold(true)
    return () => {
      if (--this.#holds === 0) this.#process.hold(false)
    }
  }

  #settle(): void {
    const failure = this.#reason ?? this.#died()
    this.#ready.reject(failure)
    this.#exchange?.reject(failure)
  }

  #died(): AividaError {
    return died(this.#exit, this.#reason)
  }
}
