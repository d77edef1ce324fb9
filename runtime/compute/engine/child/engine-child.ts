import type { Clock } from '../../../base/clock.ts'
import { limit } from '../../../base/limits.ts'
import { checkTensors } from '../../../data/tensor/check.ts'
import type { NamedTensors } from '../../../data/tensor/tensor.ts'
import type { Engine, EngineInfo, LoadOptions, ModelSource, RunOptions, RunResult } from '../engine.ts'
import { openModelFiles } from '../model-file.ts'
import { type ReducedSlice, reduceIn, type SliceReduction } from './child-replica.ts'
import { ChildSession } from './child-session.ts'
import { type StepGroup, type SteppingOptions, steppedOf } from './child-training.ts'
import { type ChildSettings, engineCommand } from './command.ts'
import { type Exit, tooLarge } from './endings.ts'
import { frameHead, protocol } from './frame.ts'
import { ChildLink } from './link.ts'
import { packInputs, partsOf, type Request, unpackResults } from './messages.ts'
import { type EngineProcess, spawnEngine } from './process.ts'

/** What an {@link EngineChild} needs. */
export interface EngineChildInit {
  readonly clock: Clock
  /** Above this much resident memory the child is killed. Bytes. Default: `engineMemoryBytes`; at most `engineMemoryMostBytes`. */
  readonly memoryBytes?: number
  readonly settings?: Omit<ChildSettings, 'memoryBytes'>
  /** Default: a real process of {@link engineCommand}. */
  readonly spawn?: (settings: ChildSettings) => EngineProcess
}

/** A request whose parts come from elsewhere. */
export interface AskOptions {
  /** Parts that are at hand, sent as one message where they are small. Default: none. */
  readonly parts?: readonly Uint8Array[]
  /** Parts that are not. Default: none. */
  readonly partBytes?: readonly number[]
  /** These, back to back. */
  readonly content?: () => AsyncIterable<Uint8Array>
  /** Default: `engineRunMs`. */
  readonly limitMs?: number
  readonly signal?: AbortSignal | undefined
}

/** Groups of steps on their way to a child while it computes another. */
export const AHEAD = 3

/**
 * An engine in a process of its own. One call at a time; others wait. An abort, a limit passed or a broken channel ends
 * the process; its sessions are gone then, and later calls throw `engine.died`.
 */
export class EngineChild implements Engine {
  readonly pid: number | undefined
  readonly #link: ChildLink
  readonly #memoryBytes: number
  #nextSession = 1

  constructor({ clock, memoryBytes, settings, spawn }: EngineChildInit) {
    this.#memoryBytes = Math.min(memoryBytes ?? limit('engineMemoryBytes'), limit('engineMemoryMostBytes'))
    const start = spawn ?? ((all) => spawnEngine(engineCommand(all)))
    const process = start({ ...settings, memoryBytes: this.#memoryBytes })
    this.pid = process.pid
    this.#link = new ChildLink(process, clock, this.#memoryBytes)
  }

  /** Resolves when the child can take work. Throws `engine.died`, `engine.timeout`. */
  get ready(): Promise<EngineInfo> {
    return this.#link.ready
  }

  /** Resolves when the process is gone, for whatever reason. */
  get exited(): Promise<Exit> {
    return this.#link.exited
  }

  /** Whether the child may still take work. */
  get alive(): boolean {
    return this.#link.alive
  }

  info(): Promise<EngineInfo> {
    return this.ready
  }

  async load(source: ModelSource, options: LoadOptions = {}): Promise<ChildSession> {
    const { signal, timeoutMs, ...rest } = options
    const session = this.#nextSession++
    const weights = Object.entries(source.weights ?? {})
    const files = await openModelFiles([source.graph, ...weights.map(([, file]) => file)])
    try {
      const request: Request = { op: 'load', session, weights: weights.map(([name]) => name), options: rest }
      const sizes = files.map(({ sizeBytes }) => sizeBytes)
      const head = this.#head(request, sizes)
      const send = async () => {
        await this.#link.write(head)
        for (const file of files) for await (const chunk of file.chunks(signal)) await this.#link.write(chunk)
      }
      const limitMs = Math.min(timeoutMs ?? limit('engineLoadMs'), limit('engineLoadMs'))
      const { header } = await this.#link.call({ what: 'loading the model', limitMs, signal, send })
      if (header.op !== 'loaded') throw this.#link.end(protocol('a loaded model'))
      return new ChildSession(this, session, header.report)
    } finally {
      await Promise.all(files.map((file) => file.close()))
    }
  }

  /** Runs a loaded session; see `EngineSession.runAll`. */
  async run(session: number, batch: readonly NamedTensors[], options: RunOptions): Promise<readonly RunResult[]> {
    const { heads, parts } = packInputs(batch)
    const request: Request = { op: 'run', session, batch: heads, finite: options.finite ?? false }
    const sizes = parts.map(({ byteLength }) => byteLength)
    const head = this.#head(request, sizes)
    const send = () => this.#link.writeAll([head, ...parts])
    const limitMs = Math.min(options.timeoutMs ?? limit('engineRunMs'), limit('engineRunMs'))
    const reply = await this.#link.call({ what: 'a run', limitMs, signal: options.signal, send })
    if (reply.header.op !== 'ran' || reply.header.batch.length !== batch.length)
      throw this.#link.end(protocol('a result for each run'))
    try {
      const results = unpackResults(reply.header.batch, reply.parts)
      for (const result of results) if ('outputs' in result) checkTensors(result.outputs)
      return results
    } catch {
      throw this.#link.end(protocol('well-formed tensors'))
    }
  }

  /** Asks for something, with parts whose bytes come from elsewhere. Throws what the child answers, and `engine.*`. */
  async ask(request: Request, what: string, { parts = [], partBytes, content, limitMs, signal }: AskOptions = {}) {
    const head = this.#head(request, partBytes ?? parts.map(({ byteLength }) => byteLength))
    const send = async () => {
      if (!content) return this.#link.writeAll([head, ...parts])
      await this.#link.write(head)
      for await (const piece of content()) await this.#link.write(piece)
    }
    return this.#link.call({ what, limitMs: limitMs ?? limit('engineRunMs'), signal, send })
  }

  /** Makes one update of several. Throws `update.*`, `engine.*`. */
  reduce(slice: SliceReduction, signal?: AbortSignal): Promise<ReducedSlice> {
    return reduceIn(this, slice, signal)
  }

  /** Sends groups of steps, some ahead of what is computed, each of which gives `width` numbers. One may take as long as a run. */
  stepping(
    groups: AsyncIterable<StepGroup>,
    requestOf: (group: StepGroup) => Request,
    width: number,
    { signal, ahead = AHEAD, onStepped }: SteppingOptions,
  ): Promise<void> {
    return this.#link.converse({ what: 'steps', limitMs: limit('engineRunMs'), signal }, async ({ send, reply }) => {
      const sent: StepGroup[] = []
      const hear = async () => {
        const { header, parts } = await reply()
        const group = sent.shift()!
        const stepped = header.op === 'stepped' ? steppedOf(group, width, header.commitment, parts) : undefined
        if (!stepped) throw this.#link.end(protocol('metrics of each step'))
        onStepped(stepped)
      }
      for await (const group of groups) {
        const parts = group.steps.flatMap(({ tensors }) => partsOf(tensors))
        const sizes = parts.map(({ byteLength }) => byteLength)
        const head = this.#head(requestOf(group), sizes)
        send(() => this.#link.writeAll([head, ...parts]))
        if (sent.push(group) === ahead) await hear()
      }
      while (sent.length > 0) await hear()
    })
  }

  /** Frees a session, unless the child is gone anyway. */
  async release(session: number): Promise<void> {
    if (!this.alive) return
    const head = this.#head({ op: 'close', session }, [])
    const send = () => this.#link.writeAll([head])
    await this.#link.call({ what: 'closing a session', limitMs: limit('engineRunMs'), signal: undefined, send })
  }

  /** Ends the child; resolves when it is gone, `cancelMs` at the latest. */
  kill(): Promise<void> {
    return this.#link.kill()
  }

  /** Throws `engine.out-of-memory` for what the child could not take in, before a byte of it is sent. */
  #head(request: Request, partBytes: readonly number[]): Uint8Array {
    const sizeBytes = partBytes.reduce((sum, size) => sum + size, 0)
    if (sizeBytes > this.#memoryBytes) throw tooLarge(sizeBytes, this.#memoryBytes)
    return frameHead(request, partBytes)
  }
}
