import { limit } from '../../base/index.ts'

interface Entry {
  /** What its own card says. */
  own: readonly string[]
  /** What others say: mDNS, a welcome, the last run. The newest comes last. */
  hints: readonly string[]
  /** What a person or an admin says: kept, whatever the card says. */
  pinned: readonly string[]
  /** Not dialled before this. Monotonic ms. */
  notBeforeMs: number
  backOffMs: number
  failures: number
}

const FIRST_BACK_OFF_MS = 500
const MAX_BACK_OFF_MS = 30_000
/** A peer that could not be reached this often, over a quarter of an hour, is forgotten unless it is a seed. */
const FAILURES = 32
/** Addresses of one kind kept of a peer. */
const KEPT = 16

/** Where peers were last reachable, and when each may be tried again. Bounded: the oldest stranger makes room. */
export class AddressBook {
  readonly #entries = new Map<string, Entry>()

  /** Notes what a peer's own card says; each address ends in `/p2p/<peer>`. One that has moved may be tried at once. */
  card(peer: string, addresses: readonly string[]): void {
    if (addresses.length === 0) return
    const entry = this.#entry(peer)
    if (addresses.join() !== entry.own.join()) this.#renew(entry)
    entry.own = addresses
    entry.hints = []
  }

  /** Notes what somebody else says; `notBeforeMs` counts for a peer that is new here. */
  hint(peer: string, address: string, notBeforeMs = 0): void {
    const entry = this.#entry(peer, notBeforeMs)
    if (this.addresses(peer).includes(address)) return
    entry.hints = [...entry.hints, address].slice(-KEPT)
    if (notBeforeMs === 0) this.#renew(entry)
  }

  /** Notes a seed. Seeds are never forgotten, and neither is their address. */
  pin(peer: string, address: string, notBeforeMs = 0): void {
    const entry = this.#entry(peer, notBeforeMs)
    if (!entry.pinned.includes(address)) entry.pinned = [...entry.pinned, address].slice(-KEPT)
  }

  /** Where to dial a peer: what it says itself first. */
  addresses(peer: string): readonly string[] {
    const entry = this.#entries.get(peer)
    return entry ? [...new Set([...entry.own, ...entry.pinned, ...entry.hints])] : []
  }

  forget(peer: string): void {
    this.#entries.delete(peer)
  }

  /** Peers that may be dialled now. */
  due(nowMs: number): string[] {
    return [...this.#entries].filter(([, entry]) => entry.notBeforeMs <= nowMs).map(([peer]) => peer)
  }

  /** A dial failed: the next one waits twice as long. */
  failed(peer: string, nowMs: number): void {
    const entry = this.#entries.get(peer)
    if (!entry) return
    entry.notBeforeMs = nowMs + entry.backOffMs
    entry.backOffMs = Math.min(entry.backOffMs * 2, MAX_BACK_OFF_MS)
    entry.failures++
    if (entry.failures >= FAILURES && entry.pinned.length === 0) this.#entries.delete(peer)
  }

  reached(peer: string): void {
    const entry = this.#entries.get(peer)
    if (entry) this.#renew(entry)
  }

  #renew(entry: Entry): void {
    entry.notBeforeMs = 0
    entry.backOffMs = FIRST_BACK_OFF_MS
    entry.failures = 0
  }

  #entry(peer: string, notBeforeMs = 0): Entry {
    const known = this.#entries.get(peer)
    if (known) return known
    const entry = { own: [], hints: [], pinned: [], notBeforeMs, backOffMs: FIRST_BACK_OFF_MS, failures: 0 }
    this.#entries.set(peer, entry)
    if (this.#entries.size > limit('knownAddresses'))
      for (const [stranger, { pinned }] of this.#entries)
        if (pinned.length === 0 && stranger !== peer) {
          this.#entries.delete(stranger)
          break
        }
    return entry
  }
}

/** The peer an address leads to: its last `/p2p/` component, or `undefined`. */
export function peerOfAddress(address: string): string | undefined {
  return /\/p2p\/([^/]+)$/.exec(address)?.[1]
}
