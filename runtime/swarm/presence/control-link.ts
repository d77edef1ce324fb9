import { AividaError, limit, toAividaError } from '../../base/index.ts'
import { type ControlMessage, controlMessageCodec, PROTOCOLS } from '../../protocol/index.ts'
import type { Transport } from '../transport/transport.ts'
import { type Channel, channel, type Meter } from '../wire/index.ts'

/** Messages that may wait for a slow peer; past this it is cut off, since a control stream never carries bulk. */
const MAX_QUEUED = 1_024

/**
 * Our half of the control traffic with a peer: one long-lived stream that only we write to (theirs comes the other
 * way), opened on first use and again after a loss. Messages keep their order within one stream.
 */
export class ControlLink {
  readonly peer: string
  readonly #transport: Transport
  #channel: Promise<Channel> | undefined
  readonly #meter: Meter
  #queued = 0
  #queuedBytes = 0
  #closed = false

  constructor(peer: string, transport: Transport, meter: Meter) {
    this.peer = peer
    this.#transport = transport
    this.#meter = meter
  }

  /** Throws `peer.not-connected`, `peer.too-slow`, `stream.*`; nothing is retried here. */
  async send(message: ControlMessage, body: readonly Uint8Array[] = []): Promise<void> {
    if (this.#closed)
      throw new AividaError({ code: 'peer.not-connected', category: 'peer', message: `${this.peer} is gone` })
    const sizeBytes = body.reduce((sum, piece) => sum + piece.byteLength, 0)
    if (
      this.#queued >= MAX_QUEUED ||
      (this.#queued > 0 && this.#queuedBytes + sizeBytes > limit('controlQueueBytes'))
    ) {
      this.close()
      void this.#transport.disconnect(this.peer).catch(() => {}) // it comes back, and reads on, or stays away
      throw new AividaError({
        code: 'peer.too-slow',
        category: 'peer',
        message: `${this.peer} let ${this.#queued} control messages and ${this.#queuedBytes} bytes pile up; the connection was closed`,
      })
    }
    this.#queued++
    this.#queuedBytes += sizeBytes
    try {
      this.#channel ??= this.#open()
      const open = await this.#channel
      await open.send(controlMessageCodec.encode(message), body)
    } catch (error) {
      this.#channel = undefined
      throw toAividaError(error)
    } finally {
      this.#queued--
      this.#queuedBytes -= sizeBytes
    }
  }

  /** Another link takes over: what was handed to this one still goes, on the connection it has, then the stream ends. */
  retire(): void {
    this.#closed = true
    this.#channel
      ?.then(async (open) => {
        await open.end()
        await open.receive()
      })
      .catch(() => {}) // its connection may be gone
  }

  close(): void {
    this.#closed = true
    const error = new AividaError({ code: 'aborted', category: 'aborted', message: 'the control link was closed' })
    this.#channel?.then((open) => open.abort(error)).catch(() => {}) // it may never have opened
  }

  async #open(): Promise<Channel> {
    return channel(await this.#transport.open(this.peer, PROTOCOLS.control), { meter: this.#meter })
  }
}
