import { isAividaError, limit, peerError } from '../../base/index.ts'

/** A peer is cut off after this many broken messages. */
const OFFENCES = 16
/** A peer that was cut off is let in again after this, with a clean record. */
const CUT_OFF_MS = 60_000

/** Who broke the protocol, how often, and until when it is kept out; a new hello wipes nothing out. Times are monotonic. */
export class Offences {
  readonly #counts = new Map<string, number>()
  readonly #cutOffUntilMs = new Map<string, number>()

  /** Counts one; whether that was one too many, so that the peer has to go. */
  note(peer: string, nowMs: number): boolean {
    const count = (this.#counts.get(peer) ?? 0) + 1
    put(this.#counts, peer, count)
    if (count < OFFENCES) return false
    this.#counts.delete(peer)
    put(this.#cutOffUntilMs, peer, nowMs + CUT_OFF_MS)
    return true
  }

  /** Throws `peer.offender` while a peer is cut off. */
  assertLetIn(peer: string, nowMs: number): void {
    const untilMs = this.#cutOffUntilMs.get(peer)
    if (untilMs === undefined) return
    if (untilMs <= nowMs) this.#cutOffUntilMs.delete(peer)
    else
      throw peerError(
        'peer.offender',
        `${peer} broke the protocol ${OFFENCES} times and was cut off; it may call again in ${Math.ceil((untilMs - nowMs) / 1000)} s`,
      )
  }
}

/** Whether bytes of a stream were no frames. A stream that just ends is not its peer's fault. */
export function isBrokenFrame(error: unknown): boolean {
  return isAividaError(error) && error.code.startsWith('frame.') && error.code !== 'frame.truncated'
}

/** Sets an entry of a map that forgets its oldest. */
function put(map: Map<string, number>, peer: string, value: number): void {
  map.set(peer, value)
  if (map.size > limit('peers')) map.delete(map.keys().next().value as string)
}
