import { Dealer, Request, Subscriber } from 'zeromq'
import { limit } from '../../runtime/base/limits.ts'
import { type Connection, endpointOf } from '../messaging/connection.ts'
import { type Message, MessageMaker } from '../messaging/message.ts'
import { Wire } from '../messaging/wire.ts'

/** See `kernel/messaging/sockets.ts`: a send neither waits nor fails. */
const SENDING = { sendHighWaterMark: 0, sendTimeout: 0, linger: 0 }
const RECEIVING = { receiveHighWaterMark: 0, maxMessageSize: limit('kernelMessageBytes') }
/** The kernel's sockets open a while after its process starts; nobody should wait long for that. */
const CONNECTING = { reconnectInterval: 10 }

/** The client's sockets to one kernel. */
export class Channels {
  /** Messages that were not read: not signed with our key, or broken. */
  dropped = 0
  readonly #wire: Wire
  readonly #maker = new MessageMaker()
  readonly #shell: Dealer
  readonly #control: Dealer
  readonly #iopub: Subscriber
  readonly #connection: Connection
  #closed = false

  constructor(connection: Connection) {
    this.#connection = connection
    this.#wire = new Wire(connection.key)
    const routingId = this.#maker.session
    this.#shell = new Dealer({ ...SENDING, ...RECEIVING, ...CONNECTING, routingId })
    this.#control = new Dealer({ ...SENDING, ...RECEIVING, ...CONNECTING, routingId })
    this.#iopub = new Subscriber({ ...RECEIVING, ...CONNECTING, linger: 0 })
    this.#shell.connect(endpointOf(connection, 'shell'))
    this.#control.connect(endpointOf(connection, 'control'))
    this.#iopub.connect(endpointOf(connection, 'iopub'))
    this.#iopub.subscribe()
  }

  /** Hands over what comes, until it is closed: replies (from shell and control) and what is told to all (IOPub). */
  hear(onReply: (message: Message) => void, onTold: (message: Message) => void): void {
    void this.#hear(this.#shell, onReply)
    void this.#hear(this.#control, onReply)
    void this.#hear(this.#iopub, onTold)
  }

  /** Sends a request, to nobody once it is closed; gives its `msg_id`. */
  send(channel: 'shell' | 'control', type: string, content: Readonly<Record<string, unknown>>): string {
    const message = this.#maker.make(type, content)
    const socket = channel === 'shell' ? this.#shell : this.#control
    if (!this.#closed) socket.send(this.#wire.encode(message) as never).catch(() => this.dropped++)
    return message.header.msg_id
  }

  /** Whether the kernel gives a heartbeat back within `ms`. */
  async ping(ms: number): Promise<boolean> {
    const socket = new Request({ linger: 0, receiveTimeout: ms, sendTimeout: ms, ...CONNECTING })
    try {
      socket.connect(endpointOf(this.#connection, 'hb'))
      await socket.send('ping')
      const [answer] = await socket.receive()
      return answer?.toString() === 'ping'
    } catch {
      return false
    } finally {
      socket.close()
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const socket of [this.#shell, this.#control, this.#iopub]) socket.close()
  }

  async #hear(socket: Dealer | Subscriber, on: (message: Message) => void): Promise<void> {
    for await (const frames of socket) {
      const message = this.#read(frames)
      if (message && !this.#closed) on(message)
    }
  }

  #read(frames: readonly Uint8Array[]): Message | undefined {
    try {
      return this.#wire.decode(frames)
    } catch {
      this.dropped++
      return undefined
    }
  }
}
