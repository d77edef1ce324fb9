/** How much of something may be had: `perSecond` in the long run, `burst` at once. */
export interface TokenBucketInit {
  readonly perSecond: number
  readonly burst: number
}

/** A token bucket on a clock of its caller's; full at first. Times are monotonic milliseconds. */
export class TokenBucket {
  readonly #init: TokenBucketInit
  #tokens: number
  #atMs: number

  constructor(init: TokenBucketInit, nowMs: number) {
    this.#init = init
    this.#tokens = init.burst
    this.#atMs = nowMs
  }

  /** Takes `count` when they are there. */
  take(count: number, nowMs: number): boolean {
    this.#refill(nowMs)
    if (this.#tokens < count) return false
    this.#tokens -= count
    return true
  }

  /** Takes `count` in any case; how long to wait until they are paid for, ms. */
  owe(count: number, nowMs: number): number {
    this.#refill(nowMs)
    this.#tokens -= count
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#init.perSecond) * 1_000
  }

  /** As {@link owe}, but takes nothing and gives back `undefined` when the wait would be longer than `maxWaitMs`. */
  oweWithin(maxWaitMs: number, count: number, nowMs: number): number | undefined {
    this.#refill(nowMs)
    if (((count - this.#tokens) / this.#init.perSecond) * 1_000 > maxWaitMs) return undefined
    return this.owe(count, nowMs)
  }

  #refill(nowMs: number): void {
    const { perSecond, burst } = this.#init
    this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, nowMs - this.#atMs) * perSecond) / 1_000)
    this.#atMs = Math.max(this.#atMs, nowMs)
  }
}
