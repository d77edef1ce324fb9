import { limit } from '../../base/index.ts'

interface Entry {
  addresses: readonly string[]
  /** Not dialled before this. Monotonic ms. */
  notBeforeMs: number
  backOffMs: number
  readonly seed: boolean
}

const FIRST_BACK_OFF_MS = 500
const MAX_BACK_OFF_MS = 30_000

/** Where peers were last reachable, and when each may be tried again. Bounded: the oldest stranger makes room. */
export class AddressBook {
  readonly #entries = new Map<string, Entry>()

  /** Notes a peer's addresses; each ends in `/p2p/<peer>`. A seed is never forgotten. */
  note(peer: string, addresses: readonly string[], seed = false): void {
    if (addresses.length === 0) return
    const known = this.#entries.get(peer)
    if (known) known.addresses = addresses
    else this.#entries.set(peer, { addresses, notBeforeMs: 0, backOffMs: FIRST_BACK_OFF_MS, seed })
    if (this.#entries.size <= limit('peers')) return
    for (const [stranger, entry] of this.#entries)
      if (!entry.seed) {
        this.#entries.delete(stranger)
        break
      }
  }

  addresses(peer: string): readonly string[] {
    return this.#entries.get(peer)?.addresses ?? []
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
  }

  reached(peer: string): void {
    const entry = this.#entries.get(peer)
    if (entry) entry.backOffMs = FIRST_BACK_OFF_MS
  }

  /** Some peers with their addresses, to tell a newcomer. */
  some(count: number): { peer: string; addresses: string[] }[] {
    return [...this.#entries].slice(-count).map(([peer, { addresses }]) => ({ peer, addresses: [...addresses] }))
  }
}

/** The peer an address leads to: its last `/p2p/` component, or `undefined`. */
export function peerOfAddress(address: string): string | undefined {
  return /\/p2p\/([^/]+)$/.exec(address)?.[1]
}
