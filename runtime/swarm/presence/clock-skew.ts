/** One comparison of two clocks. */
export interface SkewSample {
  /** Milliseconds from here to there and back: half of it is the error of {@link aheadMs} at most. */
  readonly roundTripMs: number
  /** Our wall clock minus theirs, ms, corrected for the way. */
  readonly aheadMs: number
}

/** Comparisons kept of each peer: some seconds of heartbeats, so that a clock that was set is noticed soon. */
const SAMPLES = 8

/**
 * How far our wall clock is from those of our peers, as NTP measures it (RFC 5905 section 10: of the last samples the
 * one with the shortest round trip counts). The median over peers: a wrong or lying clock here or there moves nothing.
 */
export class ClockSkew {
  readonly #samples = new Map<string, SkewSample[]>()

  note(peer: string, sample: SkewSample): void {
    this.#samples.set(peer, [...(this.#samples.get(peer) ?? []), sample].slice(-SAMPLES))
  }

  forget(peer: string): void {
    this.#samples.delete(peer)
  }

  /** Our clock minus a peer's, ms; `undefined` while it was not measured. */
  of(peer: string): number | undefined {
    return this.#samples.get(peer)?.reduce((best, sample) => (sample.roundTripMs < best.roundTripMs ? sample : best))
      .aheadMs
  }

  /** Our clock minus the median of our peers', ms; `undefined` while none was measured. */
  median(): number | undefined {
    const each = [...this.#samples.keys()].map((peer) => this.of(peer)!).sort((a, b) => a - b)
    if (each.length === 0) return undefined
    const middle = each.length >> 1
    return each.length % 2 === 1 ? each[middle] : (each[middle - 1]! + each[middle]!) / 2
  }
}
