import { aborted } from '../../../base/index.ts'
import { Bell } from '../bell.ts'
import { streamEnded, streamReset } from '../failures.ts'
import { Inbox } from '../inbox.ts'
import type { ByteStream, PeerId, StreamOptions } from '../transport.ts'
import type { Route } from './route.ts'

/** What a stream end is made from. */
export interface MemoryStreamInit {
  readonly peer: PeerId
  readonly protocol: string
  readonly direction: 'inbound' | 'outbound'
  /** Leads to the peer. */
  readonly route: Route
  /** Bytes that may be underway or unread in one direction. */
  readonly windowBytes: number
  closed(stream: MemoryStream): void
}

/** One end of a stream in memory: flow control by credit, which the reader gives back as it reads. */
export class MemoryStream implements ByteStream {
  readonly peer: PeerId
  readonly protocol: string
  readonly direction: 'inbound' | 'outbound'
  readonly #init: MemoryStreamInit
  readonly #inbox = new Inbox()
  readonly #credited = new Bell()
  #creditBytes: number
  #other: MemoryStream | undefined
  #writing: Promise<void> = Promise.resolve()
  #writeEnded = false
  #peerEnded = false
  #failure: Error | undefined

  constructor(init: MemoryStreamInit) {
    this.peer = init.peer
    this.protocol = init.protocol
    this.direction = init.direction
    this.#init = init
    this.#creditBytes = init.windowBytes
  }

  /** Joins two ends. */
  static join(a: MemoryStream, b: MemoryStream): void {
    a.#other = b
    b.#other = a
  }

  write(pieces: readonly Uint8Array[], { signal }: StreamOptions = {}): Promise<void> {
    const written = this.#writing.then(() => this.#write(pieces, signal))
    this.#writing = written.catch(() => {})
    return written
  }

  async #write(pieces: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) throw aborted(undefined, signal.reason)
    this.#assertWritable()
    try {
      for (const piece of pieces) {
        for (let at = 0; at < piece.byteLength; ) {
          await this.#credited.until(() => this.#creditBytes > 0 || this.#failure !== undefined, signal)
          if (this.#failure) throw this.#failure
          const part = new Uint8Array(piece.subarray(at, at + this.#creditBytes)) // a copy, also of a Buffer
          at += part.byteLength
          this.#creditBytes -= part.byteLength
          this.#send((other) => other.#inbox.put(part))
        }
      }
    } catch (error) {
      this.abort(error as Error)
      throw error
    }
  }

  async read({ signal }: StreamOptions = {}): Promise<Uint8Array | undefined> {
    const piece = await this.#inbox.take(signal)
    const freed = piece?.byteLength ?? 0
    if (freed > 0) {
      this.#send((other) => {
        other.#creditBytes += freed
        other.#credited.ring()
      })
    }
    return piece
  }

  async closeWrite(): Promise<void> {
    await this.#writing
    this.#assertWritable()
    this.#writeEnded = true
    this.#send((other) => {
      other.#peerEnded = true
      other.#inbox.end()
      other.#closeIfEnded()
    })
    this.#closeIfEnded()
  }

  abort(error: Error): void {
    if (this.#failure) return
    this.#discard(error)
    this.#send((other) => other.#discard(streamReset()))
  }

  /** The connection under the stream is gone. */
  lose(error: Error): void {
    this.#failure ??= error
    this.#inbox.lose(error)
    this.#credited.ring()
  }

  #discard(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    this.#inbox.discard(error)
    this.#credited.ring()
    this.#init.closed(this)
  }

  #closeIfEnded(): void {
    if (this.#writeEnded && this.#peerEnded) this.#init.closed(this)
  }

  #assertWritable(): void {
    if (this.#writeEnded) throw streamEnded()
    if (this.#failure) throw this.#failure
  }

  #send(arrive: (other: MemoryStream) => void): void {
    const other = this.#other
    if (other) this.#init.route.send(() => arrive(other), this)
  }
}
