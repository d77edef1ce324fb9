import { type Clock, sleep } from '../../runtime/base/clock.ts'
import { assertNever, toAividaError } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
import type { Cell } from '../cell.ts'
import type { Language } from '../language/language.ts'
import { CellQueue, type Render } from './cell-queue.ts'
import type { Connection } from './connection.ts'
import { ControlLine } from './control-line.ts'
import { charactersOf, unitsOf } from './cursor.ts'
import { ignoreSubscriptions, iopubGate } from './iopub.ts'
import { kernelInfo } from './kernel-info.ts'
import { type Header, type Message, MessageMaker } from './message.ts'
import { Outbox } from './outbox.ts'
import { type ExecuteRequest, parseRequest, type Request } from './requests.ts'
import { bindSockets, closeSockets, type KernelSockets } from './sockets.ts'
import { Wire } from './wire.ts'

/** What a kernel's server stands on. */
export interface ServerParts {
  readonly language: Language
  readonly render: Render
  /** Of the `aivida` package. */
  readonly version: string
  readonly clock: Clock
  /** A front end wants the kernel to end; it has been told that it will. */
  onShutdown(): void
  /** The id of the process that started this one. */
  readonly parent: number
  /** The kernel's thread computes, and hears no signals: called in the middle of that. */
  onStuck(): void
}

type Content = Readonly<Record<string, unknown>>
type Asked = 'shell' | 'control'

/**
 * The kernel's side of the Jupyter messaging protocol 5.4
 * (https://jupyter-client.readthedocs.io/en/stable/messaging.html). Cells are run one after the other; everything else
 * is answered at once, also while a cell runs. Whatever cannot be read is dropped and counted.
 */
export class KernelServer {
  /** Messages that were not read: of strangers, or broken. */
  dropped = 0
  readonly #parts: ServerParts
  readonly #sockets: KernelSockets
  readonly #wire: Wire
  readonly #maker = new MessageMaker()
  readonly #cells: CellQueue
  readonly #outbox: Outbox
  readonly #connection: Connection
  #control: ControlLine | undefined
  #closed = false

  private constructor(sockets: KernelSockets, connection: Connection, parts: ServerParts) {
    this.#sockets = sockets
    this.#connection = connection
    this.#wire = new Wire(connection.key)
    this.#parts = parts
    this.#outbox = new Outbox(iopubGate(sockets.iopub), parts.clock)
    this.#cells = new CellQueue(parts.language, parts.render, parts.clock)
  }

  /** Listens where the connection file says; {@link ready} tells when on all channels. Throws `kernel.port-taken`. */
  static async listen(connection: Connection, parts: ServerParts): Promise<KernelServer> {
    const sockets = await bindSockets(connection)
    const server = new KernelServer(sockets, connection, parts)
    server.#status('starting', undefined)
    void server.#hear()
    void server.#hearAnswers()
    void ignoreSubscriptions(sockets.iopub)
    return server
  }

  /**
   * Hears the control channel, too, from the first cell on or soon after the start: its thread takes a tenth of a second to begin,
   * for which no front end has to wait; what is sent in the meantime waits at its sender. Throws `kernel.port-taken`.
   */
  async ready(): Promise<void> {
    if (!this.#control) await sleep(this.#parts.clock, limit('kernelControlMs'))
    await this.#hearControl().listening
  }

  /** The kernel's thread is free: to be said again and again. */
  free(): void {
    this.#control?.free()
  }

  /** The kernel has begun to end: whatever computes from now on, it does. */
  ending(): void {
    this.#control?.ending()
  }

  /** Interrupts the cell that runs. */
  interrupt(): void {
    this.#cells.interrupt()
  }

  /** Hears and says no more. Resolves when what was said has left, or as good as: the end of the process waits for the rest. */
  async close(): Promise<void> {
    this.#closed = true
    this.#outbox.close()
    closeSockets(this.#sockets)
    await this.#control?.close()
  }

  /** Starts the control channel's thread, if it has not: before a cell, which may compute at once. */
  #hearControl(): ControlLine {
    this.#control ??= new ControlLine(this.#connection, this.#parts.parent, {
      stops: (frames) => this.#stops(frames),
      isRunning: (cell) => this.#isRunning(cell),
      stuck: () => this.#parts.onStuck(),
      hear: (frames) => this.#take('control', frames),
    })
    return this.#control
  }

  async #hear(): Promise<void> {
    for await (const frames of this.#sockets.shell) this.#take('shell', frames)
  }

  #take(channel: Asked, frames: readonly Uint8Array[]): void {
    try {
      this.#handle(channel, this.#wire.decode(frames))
    } catch {
      this.dropped++
    }
  }

  /** Nobody is asked anything, so what comes on stdin answers nothing. */
  async #hearAnswers(): Promise<void> {
    for await (const _ of this.#sockets.stdin) this.dropped++
  }

  #stops(frames: readonly Uint8Array[]): 'cell' | 'kernel' | undefined {
    try {
      const { msg_type } = this.#wire.decode(frames).header
      return msg_type === 'interrupt_request' ? 'cell' : msg_type === 'shutdown_request' ? 'kernel' : undefined
    } catch {
      return undefined
    }
  }

  #isRunning(cell: Cell | undefined): boolean {
    const { signal } = this.#cells
    return signal === undefined || cell?.signal === signal
  }

  #handle(channel: Asked, message: Message): void {
    const request = this.#parse(message)
    if (request instanceof Error) this.#answer(channel, message, () => refusal(message, request))
    else if (request.type === 'execute_request') this.#enqueue(channel, message, request)
    else this.#answer(channel, message, () => this.#ask(request, message))
  }

  #enqueue(channel: Asked, message: Message, request: ExecuteRequest): void {
    const { header } = message
    if (!this.#closed) this.#hearControl()
    this.#cells.add({
      request,
      publish: (type, content) => this.#publish(type, content, header),
      begin: () => this.#status('busy', header),
      end: (reply) => {
        this.#reply(channel, message, 'execute_reply', reply)
        this.#status('idle', header)
      },
    })
  }

  #parse(message: Message): Request | Error {
    try {
      return parseRequest(message)
    } catch (error) {
      return toAividaError(error)
    }
  }

  /** Answers what is no cell, with what `ask` gives, if anything. */
  #answer(channel: Asked, message: Message, ask: () => Content | undefined): void {
    const { header } = message
    this.#status('busy', header)
    let content: Content | undefined
    try {
      content = ask()
    } catch (error) {
      content = refusal(message, toAividaError(error))
    }
    if (content) this.#reply(channel, message, header.msg_type.replace(/_request$/, '_reply'), content)
    this.#status('idle', header)
    if (this.#cells.running) this.#cells.running.begin() // front ends show the last word that they heard
    if (header.msg_type === 'shutdown_request' && content?.status === 'ok') this.#parts.onShutdown()
  }

  #ask(request: Exclude<Request, { type: 'execute_request' }>, message: Message): Content | undefined {
    const { language, version } = this.#parts
    switch (request.type) {
      case 'kernel_info_request':
        return kernelInfo(version, language.version)
      case 'complete_request': {
        const { code, cursor_pos } = request
        const { matches, start, end } = language.complete(code, unitsOf(code, cursor_pos))
        const [from, to] = [charactersOf(code, start), charactersOf(code, end)]
        return { status: 'ok', matches, cursor_start: from, cursor_end: to, metadata: {} }
      }
      case 'inspect_request': {
        const found = language.inspect(request.code, unitsOf(request.code, request.cursor_pos))
        const data = found ? { 'text/plain': found.text, 'text/markdown': found.markdown } : {}
        return { status: 'ok', found: found !== undefined, data, metadata: {} }
      }
      case 'is_complete_request':
        return { ...language.isComplete(request.code) }
      case 'history_request':
        return { status: 'ok', history: this.#cells.history.find(request) }
      case 'comm_info_request':
        return { status: 'ok', comms: {} }
      case 'comm_open': // there is nobody here whom it could reach
        this.#publish('comm_close', { comm_id: request.comm_id, data: {} }, message.header)
        return undefined
      case 'interrupt_request':
        this.interrupt()
        return { status: 'ok' }
      case 'shutdown_request':
        this.#publish('shutdown_reply', { status: 'ok', restart: request.restart }, message.header) // for other front ends
        return { status: 'ok', restart: request.restart }
      default:
        return assertNever(request)
    }
  }

  #reply(channel: Asked, { route, header }: Message, type: string, content: Content): void {
    if (this.#closed) return
    const frames = this.#wire.encode(this.#maker.make(type, content, { route, parent: header }))
    if (channel === 'control') this.#control?.send(frames)
    else this.#sockets.shell.send(frames as never).catch(() => this.dropped++)
  }

  #status(state: 'starting' | 'busy' | 'idle', parent: Header | undefined): void {
    this.#publish('status', { execution_state: state }, parent)
  }

  #publish(type: string, content: Content, parent: Header | undefined): void {
    if (this.#closed) return
    const frames = this.#wire.encode(this.#maker.make(type, content, { route: [Buffer.from(type)], parent }))
    this.#outbox.send({ frames, updates: displayOf(type, content), isText: type === 'stream' })
  }
}

/** Which display an update brings up to date. */
function displayOf(type: string, { transient }: Content): string | undefined {
  return type === 'update_display_data' ? (transient as { display_id?: string } | undefined)?.display_id : undefined
}

/** The answer to a request that is none of ours, or has not what it takes; messages that want no answer get none. */
function refusal({ header }: Message, { name, message }: Error): Content | undefined {
  if (!header.msg_type.endsWith('_request')) return undefined
  return { status: 'error', ename: name, evalue: message, traceback: [] }
}
