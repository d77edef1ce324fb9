import { type AividaError, aborted, limit, toAividaError } from '../../base/index.ts'
import { type Asked, type Opened, type OpenProvider, Provider } from './provider.ts'
import type { BlobTree } from './tree.ts'

/** A chunk that somebody waits for. */
interface Wanted {
  readonly index: number
  readonly came: (chunk: Uint8Array) => void
  readonly failed: (reason: AividaError) => void
}

/**
 * One provider, asked for chunks by their numbers as they are wanted, `blobWindowChunks` at a time. Once broken it stays
 * so; what was waiting fails with the reason.
 */
export class ChunkSession {
  readonly #provider: Provider
  /** Asked for, in order, then not asked for yet. */
  readonly #asked: Wanted[] = []
  readonly #waiting: Wanted[] = []
  #working = false
  #broken: AividaError | undefined

  private constructor(provider: Provider) {
    this.#provider = provider
  }

  /** Opens the blob at a provider; with `known`, its tree is not sent again. Throws what {@link Provider} does. */
  static async open(
    reach: OpenProvider,
    asked: Asked,
    known?: BlobTree,
  ): Promise<{ readonly session: ChunkSession; readonly opened: Opened }> {
    const provider = await Provider.reach(reach, asked)
    try {
      return { session: new ChunkSession(provider), opened: await provider.open(known) }
    } catch (error) {
      provider.abort(toAividaError(error))
      throw error
    }
  }

  get peer(): string {
    return this.#provider.peer
  }

  /** The bytes that come as chunk `index`; not checked yet. Throws what the provider fails with. */
  chunk(index: number): Promise<Uint8Array> {
    return new Promise((came, failed) => {
      if (this.#broken) return failed(this.#broken)
      this.#waiting.push({ index, came, failed })
      void this.#work()
    })
  }

  /** Gives the provider up: it failed, or lied. */
  abort(reason: AividaError): void {
    this.#broken ??= reason
    this.#provider.abort(reason)
    for (const { failed } of [...this.#asked.splice(0), ...this.#waiting.splice(0)]) failed(this.#broken)
  }

  /** Leaves in good order. */
  async end(): Promise<void> {
    if (this.#asked.length + this.#waiting.length > 0) return this.abort(aborted('the blob was closed'))
    this.#broken ??= aborted('the blob was closed')
    await this.#provider.end()
  }

  async #work(): Promise<void> {
    if (this.#working) return
    this.#working = true
    try {
      for (;;) {
        while (this.#asked.length < limit('blobWindowChunks') && this.#waiting.length > 0) {
          const wanted = this.#waiting.shift()!
          this.#asked.push(wanted)
          await this.#provider.order({ type: 'chunk', index: wanted.index })
        }
        if (this.#asked.length === 0) return
        const message = await this.#provider.next()
        if (message.type === 'chunk') this.#asked.shift()?.came(message.bytes)
      }
    } catch (error) {
      this.abort(toAividaError(error))
    } finally {
      this.#working = false
    }
  }
}
