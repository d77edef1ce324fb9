import { once } from 'node:events'
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { AividaError } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
import { type Cell, currentCell, outsideCells } from '../cell.ts'
import { letCompute, stopComputing } from '../language/stop-switch.ts'
import { type Connection, endpointOf } from './connection.ts'
import { INCOMING, OUTGOING, portTaken } from './socket-options.ts'

/** What `control-thread.js` is given to begin with. */
interface ControlThreadData {
  readonly controlAt: string
  readonly heartbeatAt: string
  /** Of both sockets. */
  readonly options: object
  /** How long a message may wait until the kernel's thread is made to look at it, in ms. */
  readonly stuckMs: number
  /** From one such look to the next, while nothing is taken, in ms. */
  readonly againMs: number
  /** How often it sees whether the parent is there and the kernel's thread is free, in ms. */
  readonly watchMs: number
  /** How long the kernel's thread may take to begin its end, and to end, in ms. */
  readonly graceMs: number
  readonly exitMs: number
  /** The id of the process that started the kernel. */
  readonly parent: number
  /** A JavaScript expression of a function: what the kernel's thread does between two steps of its code. */
  readonly look: string
  readonly port: MessagePort
  /** 0 before the thread opens sockets, 2 from then on, 1 when it has ended or is to open none. */
  readonly ended: Int32Array
  /** Changes as long as the kernel's thread is free. */
  readonly turns: Int32Array
}

/** Why the kernel's thread is to look, between two steps of its code. */
type Ask =
  /** Messages wait for it, for the first time or still. */
  | { readonly type: 'messages'; readonly again: boolean }
  /** The kernel is to end. */
  | { readonly type: 'end' }
  /** It has been busy for a while. */
  | { readonly type: 'stuck' }

/** What the kernel's thread says to it. */
type ToControlThread =
  | { readonly type: 'send'; readonly frames: readonly Uint8Array[] }
  /** How many messages were taken. */
  | { readonly type: 'taken'; readonly messages: number }
  /** The kernel has begun to end. */
  | { readonly type: 'ending' }
  | { readonly type: 'close' }

/** What it says to the kernel's thread. */
type FromControlThread =
  | { readonly type: 'open' }
  | { readonly type: 'failed'; readonly endpoint: string; readonly code: string; readonly message: string }
  | { readonly type: 'message'; readonly frames: readonly Uint8Array[] }
  /** The kernel's thread has looked for an interrupt in the middle of what it computed. */
  | { readonly type: 'looked' }

/** Whose messages these are. */
export interface ControlHearer {
  /** Whether a message ends what computes, and how: asked in the middle of that, so it only looks. */
  stops(frames: readonly Uint8Array[]): 'cell' | 'kernel' | undefined
  /** Whether that which computes is of the cell that runs, or no cell runs: only looks, too. */
  isRunning(cell: Cell | undefined): boolean
  /** The kernel's thread is busy, and hears no signals. */
  stuck(): void
  /** A message, in the order in which they came, when the kernel's thread is free. */
  hear(frames: readonly Uint8Array[]): void
}

const LOOK = 'aivida.look'

/**
 * The control channel and the heartbeat of a kernel, on a thread of their own (`control-thread.js`): an interrupt is heard while a
 * cell computes, and stops it; whatever else comes in the meantime waits until the kernel's thread is free.
 */
export class ControlLine {
  readonly #thread: Worker
  readonly #port: MessagePort
  readonly #ended: Int32Array
  readonly #turns: Int32Array
  readonly #open = Promise.withResolvers<void>()
  readonly #hearer: ControlHearer
  /** What was looked at and not taken yet. */
  readonly #seen: FromControlThread[] = []
  #taken = 0

  /** Starts the thread; what comes is handed over from now on. `parent`: the process that started the kernel. */
  constructor(connection: Connection, parent: number, hearer: ControlHearer) {
    this.#hearer = hearer
    const { port1, port2 } = new MessageChannel()
    const workerData: ControlThreadData = {
      controlAt: endpointOf(connection, 'control'),
      heartbeatAt: endpointOf(connection, 'hb'),
      options: { ...OUTGOING, ...INCOMING },
      stuckMs: limit('kernelStuckMs'),
      againMs: limit('kernelStuckAgainMs'),
      watchMs: 2 * limit('kernelParentMs'),
      graceMs: limit('kernelGraceMs'),
      exitMs: limit('kernelExitMs'),
      parent,
      look: `globalThis[Symbol.for('${LOOK}')]`,
      port: port2,
      ended: new Int32Array(new SharedArrayBuffer(4)),
      turns: new Int32Array(new SharedArrayBuffer(4)),
    }
    // Before there is a thread: the kernel's may compute from now on, and turn to nothing else.
    Object.defineProperty(globalThis, Symbol.for(LOOK), { value: (ask: Ask) => this.#look(ask), configurable: true })
    port1.on('message', (message: FromControlThread) => {
      this.#seen.push(message)
      this.#take()
    })
    const root = import.meta.url.endsWith('.ts') ? '../..' : '../../..'
    const file = new URL(`${root}/kernel/messaging/control-thread.js`, import.meta.url)
    const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 }
    this.#thread = new Worker(file, { workerData, transferList: [port2], resourceLimits })
    this.#port = port1
    this.#ended = workerData.ended
    this.#turns = workerData.turns
    const message = 'the control channel’s thread ended'
    const ended = () => this.#open.reject(new AividaError({ code: 'kernel.start', category: 'platform', message }))
    once(this.#thread, 'exit').then(ended, (error) => this.#open.reject(error))
    this.#open.promise.catch(() => {}) // whoever waits for it hears of it
    process.once('exit', () => this.#closeNow())
  }

  /** Resolves when it listens. Rejects with `kernel.port-taken`. */
  get listening(): Promise<void> {
    return this.#open.promise
  }

  /** Says that the kernel's thread is free. */
  free(): void {
    Atomics.add(this.#turns, 0, 1)
  }

  /** Says that the kernel has begun to end: it is killed when that takes too long. */
  ending(): void {
    this.#tell({ type: 'ending' })
  }

  /** Sends the frames of a message. */
  send(frames: readonly Uint8Array[]): void {
    this.#tell({ type: 'send', frames })
  }

  /** Hears and says no more. Resolves when what was said has left. */
  async close(): Promise<void> {
    const ended = once(this.#thread, 'exit')
    this.#tell({ type: 'close' })
    await ended
  }

  /** A process that ends under a thread with open sockets is aborted by ZeroMQ: whoever calls `process.exit()` would end so. */
  #closeNow(): void {
    if (Atomics.compareExchange(this.#ended, 0, 0, 1) === 0) return
    this.#tell({ type: 'close' })
    Atomics.wait(this.#ended, 0, 2, limit('kernelLingerMs'))
  }

  /**
   * Called between any two steps of this thread: it changes nothing that they could be in the middle of. What computes is stopped
   * when it is the running cell's; when that does not help, whatever it is. Whether the kernel is to end.
   */
  #look(ask: Ask): boolean {
    if (ask.type === 'stuck') {
      this.#hearer.stuck()
      return false
    }
    for (let next = receiveMessageOnPort(this.#port); next; next = receiveMessageOnPort(this.#port))
      this.#seen.push((next as { readonly message: FromControlThread }).message)
    const stops = this.#seen.map((message) =>
      message.type === 'message' ? this.#hearer.stops(message.frames) : undefined,
    )
    const ends = ask.type === 'end' || stops.includes('kernel')
    const again = ask.type === 'end' || ask.again
    if ((ends || stops.includes('cell')) && (again || this.#hearer.isRunning(currentCell())))
      stopComputing({ again, onStop: () => outsideCells(() => setImmediate(() => this.#take())) })
    return ends
  }

  #take(): void {
    letCompute()
    const heard: (readonly Uint8Array[])[] = []
    for (const message of this.#seen.splice(0)) {
      if (message.type === 'open') this.#open.resolve()
      else if (message.type === 'failed') this.#open.reject(portTaken(message.endpoint, message))
      else if (message.type === 'message') heard.push(message.frames)
    }
    this.#taken += heard.length
    this.#tell({ type: 'taken', messages: this.#taken })
    for (const frames of heard) this.#hearer.hear(frames)
  }

  #tell(message: ToControlThread): void {
    this.#port.postMessage(message)
  }
}
