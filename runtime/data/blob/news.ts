import { limit } from '../../base/index.ts'
import type { Channel } from '../../swarm/wire/index.ts'
import { blobReplyCodec } from './protocol.ts'

/**
 * News for one reader of a blob: chunks that came here, peers that read it, too. What happens while news is on its way
 * goes together with the next, so a slow reader gets fewer and longer messages.
 */
export class News {
  readonly #channel: Channel
  #chunks: number[] = []
  readonly #peers = new Set<string>()
  readonly #told = new Set<string>()
  #state: 'waiting' | 'ready' | 'sending' | 'stopped' = 'waiting'

  constructor(channel: Channel) {
    this.#channel = channel
  }

  came(chunk: number): void {
    this.#chunks.push(chunk)
    this.#send()
  }

  joined(peer: string): void {
    if (this.#told.has(peer) || this.#told.size >= limit('blobProviders')) return
    this.#told.add(peer)
    this.#peers.add(peer)
    this.#send()
  }

  /** The reader knows what the news is about: it may be sent from now on. */
  start(): void {
    if (this.#state === 'stopped') return
    this.#state = 'ready'
    this.#send()
  }

  stop(): void {
    this.#state = 'stopped'
  }

  #send(): void {
    if (this.#state !== 'ready' || (this.#chunks.length === 0 && this.#peers.size === 0)) return
    const have = this.#chunks.splice(0, limit('blobChoiceChunks'))
    const header = blobReplyCodec.encode({ type: 'news', have, peers: [...this.#peers] })
    this.#peers.clear()
    this.#state = 'sending'
    this.#channel.send(header).then(
      () => this.start(),
      () => {}, // the stream is over, and says so to whoever reads it
    )
  }
}
