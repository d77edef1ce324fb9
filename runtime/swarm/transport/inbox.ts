import { Bell } from './bell.ts'

/** The reading side of a stream: what came and is unread, and how it ended. Its adapter bounds what it puts in. */
export class Inbox {
  readonly #bell = new Bell()
  readonly #pieces: Uint8Array[] = []
  #unreadBytes = 0
  #ended = false
  #failure: Error | undefined

  get unreadBytes(): number {
    return this.#unreadBytes
  }

  put(piece: Uint8Array): void {
    if (this.#ended || this.#failure) return
    this.#pieces.push(piece)
    this.#unreadBytes += piece.byteLength
    this.#bell.ring()
  }

  /** The peer closed its side: the reader gets what is unread, then the end. */
  end(): void {
    if (!this.#failure) this.#ended = true
    this.#bell.ring()
  }

  /** The connection is gone: the reader gets what is unread, then the end if it had come, else the error. */
  lose(error: Error): void {
    this.#failure ??= error
    this.#bell.ring()
  }

  /** The stream is over at once: the reader gets the error, whatever is unread. */
  discard(error: Error): void {
    this.#failure ??= error
    this.#ended = false
    this.#pieces.length = 0
    this.#unreadBytes = 0
    this.#bell.ring()
  }

  /** The next piece, or `undefined` at the end. Throws the error the stream ended with, `aborted`. */
  async take(signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    await this.#bell.until(() => this.#pieces.length > 0 || this.#ended || this.#failure !== undefined, signal)
    const piece = this.#pieces.shift()
    if (piece) this.#unreadBytes -= piece.byteLength
    else if (!this.#ended && this.#failure) throw this.#failure
    return piece
  }
}
