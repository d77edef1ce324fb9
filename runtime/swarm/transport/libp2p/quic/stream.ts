import { AbstractStream } from '@libp2p/utils'
import { limit } from '../../../../base/index.ts'
import type { NativeStream } from './binding.ts'

type SendList = Parameters<AbstractStream['sendData']>[0]

const READ_MIN = 4 * 1024
const READ_MAX = 256 * 1024
/** Below this it is cheaper to copy a list into one write than to make one native call for each of its pieces. */
const JOIN_BELOW = 64 * 1024

/** One QUIC stream as libp2p sees it. */
export class QuicStream extends AbstractStream {
  readonly #native: NativeStream
  #wake: (() => void) | undefined
  #readEnded = false
  #connectionLost = false

  constructor(native: NativeStream, direction: 'inbound' | 'outbound', log: AbstractStream['log']) {
    // The bound on unread bytes is kept by the read loop; libp2p's own would abort the stream instead of waiting.
    super({ id: native.id(), direction, log, maxReadBufferLength: Number.POSITIVE_INFINITY })
    this.#native = native
    void this.#readLoop()
  }

  /** The connection is gone: what had arrived is still handed out, then the stream closes. */
  connectionLost(): void {
    this.#connectionLost = true
    this.#wake?.()
    if (this.#readEnded) this.onTransportClosed()
  }

  async #readLoop(): Promise<void> {
    let size = READ_MIN // the binding allocates it up front, so it grows only while reads come back full
    try {
      while (this.status === 'open') {
        if (this.#isFull()) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
          continue
        }
        const chunk = await this.#native.read(size)
        if (chunk === null) {
          this.#readEnded = true
          this.onRemoteCloseWrite()
          return
        }
        size = chunk.byteLength === size ? Math.min(size * 4, READ_MAX) : Math.max(READ_MIN, nextPowerOf2(chunk.length))
        this.onData(chunk)
      }
    } catch (error) {
      this.#readEnded = true
      if (/reset/.test((error as Error).message)) this.#onPeerReset()
      else if (this.status === 'open') this.onTransportClosed()
    }
  }

  #isFull(): boolean {
    // After a loss nothing more can come than lies in the flow-control window, so the rest is taken in at once.
    if (this.#connectionLost) return false
    return this.readStatus === 'paused' || this.readBufferLength >= limit('streamUnreadBytes')
  }

  protected override dispatchReadBuffer(): void {
    super.dispatchReadBuffer()
    this.#wake?.()
  }

  override sendData(data: SendList): { sentBytes: number; canSendMore: boolean } {
    this.#write(data.byteLength <= JOIN_BELOW ? [data.subarray()] : [...data]).then(
      () => this.safeDispatchEvent('drain'),
      (error: Error) => {
        if (/stopped/.test(error.message)) this.#onPeerReset()
        else this.connectionLost()
      },
    )
    return { sentBytes: data.byteLength, canSendMore: false } // until `drain`: the native write is the back-pressure
  }

  async #write(pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) await this.#native.write(piece)
  }

  #onPeerReset(): void {
    if (this.status !== 'open') return
    void this.#native.resetWrite()
    void this.#native.stopRead()
    this.onRemoteReset()
  }

  override sendReset(): void {
    void this.#native.resetWrite()
    void this.#native.stopRead()
    this.#wake?.()
  }

  override async sendCloseWrite(): Promise<void> {
    await this.#native.finishWrite()
  }

  override async sendCloseRead(): Promise<void> {
    void this.#native.stopRead()
    this.#wake?.()
  }

  override sendPause(): void {} // the read loop looks at readStatus

  override sendResume(): void {
    this.#wake?.()
  }
}

function nextPowerOf2(n: number): number {
  return 2 ** Math.ceil(Math.log2(n))
}
