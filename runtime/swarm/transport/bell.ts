import { abortable } from '../../base/index.ts'

/** Wakes whoever waits for something to change; each waiter then looks for itself. */
export class Bell {
  #next = Promise.withResolvers<void>()

  ring(): void {
    this.#next.resolve()
    this.#next = Promise.withResolvers()
  }

  /** Returns once `condition` holds, looked at now and after every ring. Throws `aborted`. */
  async until(condition: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    while (!condition()) await abortable(this.#next.promise, signal)
  }
}
