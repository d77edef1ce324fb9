import { aborted, peerError } from '../../../runtime/base/index.ts'
import type { Channel } from '../../../runtime/swarm/wire/index.ts'

type Frame = { readonly header: Uint8Array; readonly body: Uint8Array }

/** One direction: frames in order, then an end or an error. */
class Pipe {
  readonly #frames: (Frame | undefined)[] = []
  #error: Error | undefined
  #wake = Promise.withResolvers<void>()

  push(frame: Frame | undefined): void {
    if (this.#error) throw this.#error
    this.#frames.push(frame)
    this.#notify()
  }

  fail(error: Error): void {
    this.#error ??= error
    this.#notify()
  }

  async next(signal?: AbortSignal): Promise<Frame | undefined> {
    for (;;) {
      if (signal?.aborted) throw aborted()
      if (this.#frames.length > 0) return this.#frames[0] === undefined ? undefined : this.#frames.shift()
      if (this.#error) throw this.#error
      const stop = () => this.#notify()
      signal?.addEventListener('abort', stop, { once: true })
      await this.#wake.promise
      signal?.removeEventListener('abort', stop)
    }
  }

  #notify(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }
}

/** Two ends of a channel without a network: what one sends the other receives, copied into a buffer of its own. */
export function channelPair(peers: { readonly near: string; readonly far: string }): { near: Channel; far: Channel } {
  const [there, back] = [new Pipe(), new Pipe()]
  const end = (peer: string, out: Pipe, into: Pipe): Channel => ({
    peer,
    async send(header, body = [], options = {}) {
      await new Promise((resolve) => setImmediate(resolve))
      if (options.signal?.aborted) throw aborted()
      out.push({ header: header.slice(), body: new Uint8Array(Buffer.concat(body)) })
    },
    receive: (options = {}) => into.next(options.signal),
    async end() {
      out.push(undefined)
    },
    abort() {
      const reset = peerError('stream.reset', 'the stream was reset')
      out.fail(reset)
      into.fail(reset)
    },
  })
  return { near: end(peers.far, there, back), far: end(peers.near, back, there) }
}
