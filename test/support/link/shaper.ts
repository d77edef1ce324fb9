/** How fast a direction of a node's line is, and how much waits for it. */
export interface LineTerms {
  readonly bytesPerS: number
  /** Sent at once after a pause. Bytes. */
  readonly burstBytes: number
  /** What waits at most; a datagram beyond it is dropped, a TCP stream is held back. Bytes. */
  readonly queueBytes: number
}

/** A token bucket with a bounded queue in front of it. Pure: time is an argument. */
export class Shaper {
  readonly #terms: LineTerms
  /** When everything that was let in has left; earlier than now when there are tokens. */
  #freeMs = Number.NEGATIVE_INFINITY

  constructor(terms: LineTerms) {
    this.#terms = terms
  }

  /** When these bytes have left the line, or `undefined` when the queue has no room for them. */
  admit(bytes: number, nowMs: number): number | undefined {
    const { queueBytes } = this.#terms
    return this.waitingBytes(nowMs) + bytes > queueBytes ? undefined : this.force(bytes, nowMs)
  }

  /** As {@link admit}, whatever waits already. */
  force(bytes: number, nowMs: number): number {
    const { bytesPerS, burstBytes } = this.#terms
    const startMs = Math.max(this.#freeMs, nowMs - (burstBytes / bytesPerS) * 1_000)
    this.#freeMs = startMs + (bytes / bytesPerS) * 1_000
    return Math.max(nowMs, this.#freeMs)
  }

  /** Bytes that were let in and have not left. */
  waitingBytes(nowMs: number): number {
    return Math.max(0, ((this.#freeMs - nowMs) / 1_000) * this.#terms.bytesPerS)
  }
}
