import { once } from 'node:events'
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { AividaError } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
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
  /** A JavaScript expression that has it look. */
  readonly look: string
  readonly port: MessagePort
  /** Is 1, not 0, when the thread has ended. */
  readonly ended: Int32Array
}

/** What the kernel's thread says to it. */
type ToControlThread =
  | { readonly type: 'send'; readonly frames: readonly Uint8Array[] }
  /** How many messages were taken. */
  | { readonly type: 'taken'; readonly messages: number }
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
  /** Whether a message interrupts the cell that runs: asked in the middle of what that computes, so it only looks. */
  isInterrupt(frames: readonly Uint8Array[]): boolean
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
  readonly #first: Promise<FromControlThread>
  /** Messages that were looked at and not taken yet. */
  readonly #seen: (readonly Uint8Array[])[] = []
  #hearer: ControlHearer | undefined
  #taken = 0

  /** Starts the thread. */
  constructor(connection: Connection) {
    const { port1, port2 } = new MessageChannel()
    const workerData: ControlThreadData = {
      controlAt: endpointOf(connection, 'control'),
      heartbeatAt: endpointOf(connection, 'hb'),
      options: { ...OUTGOING, ...INCOMING },
      stuckMs: limit('kernelStuckMs'),
      look: `globalThis[Symbol.for('${LOOK}')]()`,
      port: port2,
      ended: new Int32Array(new SharedArrayBuffer(4)),
    }
    const root = import.meta.url.endsWith('.ts') ? '../..' : '../../..'
    const file = new URL(`${root}/kernel/messaging/control-thread.js`, import.meta.url)
    const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 }
    this.#thread = new Worker(file, { workerData, transferList: [port2], resourceLimits })
    this.#port = port1
    this.#ended = workerData.ended
    const ended = once(this.#thread, 'exit').then(() => {
      throw new AividaError({
        code: 'kernel.start',
        category: 'platform',
        message: 'the control channel’s thread ended',
      })
    })
    this.#first = Promise.race([once(port1, 'message').then(([first]) => first), ended])
    this.#first.catch(() => {}) // whoever listens hears of it
    process.once('exit', () => this.#closeNow())
  }

  /** Waits until it listens, and hands over what comes. Throws `kernel.port-taken`. */
  async listen(hearer: ControlHearer): Promise<void> {
    const first = await this.#first
    if (first.type === 'failed') throw portTaken(first.endpoint, first)
    this.#hearer = hearer
    Object.defineProperty(globalThis, Symbol.for(LOOK), { value: () => this.#look(), configurable: true })
    this.#port.on('message', (message: FromControlThread) => this.#take(message))
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
    this.#tell({ type: 'close' })
    Atomics.wait(this.#ended, 0, 0, limit('kernelLingerMs'))
  }

  /** Called between any two steps of this thread: it changes nothing that they could be in the middle of. */
  #look(): void {
    for (let next = receiveMessageOnPort(this.#port); next; next = receiveMessageOnPort(this.#port)) {
      const { message } = next as { readonly message: FromControlThread }
      if (message.type !== 'message') continue
      this.#seen.push(message.frames)
      if (this.#hearer?.isInterrupt(message.frames)) stopComputing()
    }
  }

  #take(message: FromControlThread): void {
    letCompute()
    const all = [...this.#seen.splice(0), ...(message.type === 'message' ? [message.frames] : [])]
    this.#taken += all.length
    this.#tell({ type: 'taken', messages: this.#taken })
    for (const frames of all) this.#hearer?.hear(frames)
  }

  #tell(message: ToControlThread): void {
    this.#port.postMessage(message)
  }
}
