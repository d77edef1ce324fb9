import type { Clock } from '../../base/index.ts'

/** The one moment at which a program asked to be woken. */
export class WakeUp {
  readonly #clock: Pick<Clock, 'monoMs' | 'after'>
  readonly #wake: () => void
  #cancel: (() => void) | undefined

  constructor(clock: Pick<Clock, 'monoMs' | 'after'>, wake: () => void) {
    this.#clock = clock
    this.#wake = wake
  }

  /** Replaces what was asked for before. `atMs` is on the monotonic clock. */
  at(atMs: number): void {
    this.cancel()
    this.#cancel = this.#clock.after(Math.max(0, atMs - this.#clock.monoMs()), () => {
      this.#cancel = undefined
      this.#wake()
    })
  }

  cancel(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}
