import { AividaError, aborted } from '../../../base/errors.ts'
import { limit } from '../../../base/limits.ts'

/** A bounded first-come queue for something that one caller may have at a time. */
export class Turns {
  readonly #waiting: (() => void)[] = []
  #taken = false

  /** Waits for a turn; the returned function gives it to the next. Throws `engine.busy`, `aborted`. */
  async take(signal?: AbortSignal): Promise<() => void> {
    if (signal?.aborted) throw aborted()
    if (this.#taken) await this.#wait(signal)
    this.#taken = true
    return () => {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#taken = false
    }
  }

  #wait(signal?: AbortSignal): Promise<void> {
    if (this.#waiting.length >= limit('engineQueue'))
      throw new AividaError({
        code: 'engine.busy',
        category: 'platform',
        message: `${this.#waiting.length} calls already wait for this engine; wait for some of them first`,
        retryable: true,
      })
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1)
        reject(aborted())
      }
      const go = () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      this.#waiting.push(go)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}
