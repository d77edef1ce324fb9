import type { Clock } from '../../../base/index.ts'

/** One direction between two peers. */
export interface Route {
  /**
   * Runs `arrive` at the other end. What belongs to one `lane` - a stream, or the connection itself - arrives in order;
   * lanes may overtake each other, as over QUIC, but for what is underway on the lane `after`. What may be underway is
   * bounded by the windows of the streams.
   */
  send(arrive: () => void, lane: object, after?: object): void
}

/** A route on which all deliveries arrive in order, each after a latency; a cut holds them back. */
export class OrderedRoute implements Route {
  readonly #clock: Clock
  readonly #latencyMs: () => number
  readonly #underway: (() => void)[] = []
  #arrived = 0
  #lastAtMs = 0
  #cut = false

  constructor(clock: Clock, latencyMs: () => number) {
    this.#clock = clock
    this.#latencyMs = latencyMs
  }

  get isCut(): boolean {
    return this.#cut
  }

  send(arrive: () => void): void {
    const nowMs = this.#clock.monoMs()
    this.#lastAtMs = Math.max(this.#lastAtMs, nowMs + this.#latencyMs())
    this.#underway.push(arrive)
    this.#clock.after(this.#lastAtMs - nowMs, () => {
      this.#arrived++
      this.#deliver()
    })
  }

  setCut(cut: boolean): void {
    this.#cut = cut
    this.#deliver()
  }

  #deliver(): void {
    for (; this.#arrived > 0 && !this.#cut; this.#arrived--) this.#underway.shift()?.()
  }
}
