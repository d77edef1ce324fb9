import type { Stream } from '@libp2p/interface'
import { aborted, limit } from '../../../base/index.ts'
import { Bell } from '../bell.ts'
import { streamEnded, streamLost, streamReset } from '../failures.ts'
import { Inbox } from '../inbox.ts'
import type { ByteStream, PeerId, StreamOptions } from '../transport.ts'

/** Smaller pieces are not worth a call. */
const RELEASED_BYTES = 4 * 1024

/**
 * A libp2p stream, which pushes, as the port's byte stream, which is pulled: it is paused while a reader has enough to
 * read, and its several ways of closing become an end, a reset or a loss.
 */
export class LibP2PByteStream implements ByteStream {
  readonly peer: PeerId
  readonly protocol: string
  readonly #stream: Stream
  readonly #inbox = new Inbox()
  readonly #written = new Bell()
  #writeEnded = false
  #failure: Error | undefined

  constructor(stream: Stream, peer: PeerId) {
    this.peer = peer
    this.protocol = stream.protocol
    this.#stream = stream
    stream.addEventListener('message', ({ data }) => this.#onData(data instanceof Uint8Array ? [data] : data))
    stream.addEventListener('remoteCloseWrite', () => this.#onPeerEnd())
    stream.addEventListener('close', () => this.#onClose())
    stream.addEventListener('drain', () => this.#written.ring())
    stream.addEventListener('idle', () => this.#written.ring())
    // Events that came before anybody could listen:
    if (stream.status !== 'open') this.#onClose()
    else if (stream.remoteWriteStatus === 'closed') queueMicrotask(() => this.#onPeerEnd()) // after what is buffered
  }

  async write(pieces: readonly Uint8Array[], { signal }: StreamOptions = {}): Promise<void> {
    if (signal?.aborted) throw aborted(undefined, signal.reason)
    this.#assertWritable()
    for (const piece of pieces) if (piece.byteLength > 0) this.#stream.send(piece)
    const isTaken = () => !this.#stream.writableNeedsDrain && this.#stream.writeBufferLength === 0
    try {
      await this.#written.until(() => isTaken() || this.#failure !== undefined, signal)
    } catch (error) {
      this.abort(error as Error)
      throw error
    }
    if (this.#failure) throw this.#failure
  }

  async read({ signal }: StreamOptions = {}): Promise<Uint8Array | undefined> {
    const piece = await this.#inbox.take(signal)
    if (this.#inbox.unreadBytes < limit('streamUnreadBytes') / 2) this.#resume()
    return piece
  }

  release({ buffer, byteLength }: Uint8Array): void {
    const isAlone = byteLength === buffer.byteLength // a part of a buffer leaves the other parts their memory
    if (isAlone && byteLength >= RELEASED_BYTES && buffer instanceof ArrayBuffer) buffer.transfer(0)
  }

  async closeWrite(): Promise<void> {
    this.#assertWritable()
    this.#writeEnded = true
    try {
      await this.#stream.close()
    } catch {
      throw this.#failure ?? streamLost() // libp2p rejects with the close event, not with an error
    }
  }

  abort(error: Error): void {
    this.#failure ??= error
    this.#inbox.discard(this.#failure)
    this.#stream.abort(error)
  }

  #assertWritable(): void {
    if (this.#writeEnded) throw streamEnded()
    if (this.#failure) throw this.#failure
  }

  #onData(pieces: Iterable<Uint8Array>): void {
    for (const piece of pieces) this.#inbox.put(piece)
    const isFull = this.#inbox.unreadBytes >= limit('streamUnreadBytes')
    if (isFull && this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  #resume(): void {
    if (this.#stream.readStatus === 'paused') this.#stream.resume()
  }

  #onPeerEnd(): void {
    this.#resume() // what libp2p still holds back comes before the end; nothing more can come
    this.#inbox.end()
  }

  #onClose(): void {
    const isReset = this.#stream.status === 'reset'
    this.#failure ??= isReset ? streamReset() : streamLost()
    if (isReset) this.#inbox.discard(this.#failure)
    else {
      this.#resume()
      this.#inbox.lose(this.#failure)
    }
    this.#written.ring()
  }
}
