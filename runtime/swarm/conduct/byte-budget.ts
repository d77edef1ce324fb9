/** How much may be taken. Bytes. */
export interface ByteBudgetInit {
  readonly perPeerBytes: number
  readonly totalBytes: number
}

interface Waiter {
  readonly peer: string
  readonly sizeBytes: number
  readonly resolve: (release: () => void) => void
}

/**
 * Room in memory for messages that are coming in: of each peer, and of all together. Who finds none waits, and nobody
 * waits for a peer that has used up its own share.
 */
export class ByteBudget {
  readonly #init: ByteBudgetInit
  readonly #byPeer = new Map<string, number>()
  readonly #waiting = new Set<Waiter>()
  #totalBytes = 0

  constructor(init: ByteBudgetInit) {
    this.#init = init
  }

  get takenBytes(): number {
    return this.#totalBytes
  }

  /** Takes room; a promise when it has to be waited for. One message always fits an empty budget. */
  reserve(peer: string, sizeBytes: number): (() => void) | Promise<() => void> {
    if (this.#fits(peer, sizeBytes)) return this.#take(peer, sizeBytes)
    return new Promise((resolve) => this.#waiting.add({ peer, sizeBytes, resolve }))
  }

  #fits(peer: string, sizeBytes: number): boolean {
    const { perPeerBytes, totalBytes } = this.#init
    const ofPeer = this.#byPeer.get(peer) ?? 0
    if (ofPeer > 0 && ofPeer + sizeBytes > perPeerBytes) return false
    return this.#totalBytes === 0 || this.#totalBytes + sizeBytes <= totalBytes
  }

  #take(peer: string, sizeBytes: number): () => void {
    this.#add(peer, sizeBytes)
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#add(peer, -sizeBytes)
      for (const waiter of this.#waiting) {
        if (!this.#fits(waiter.peer, waiter.sizeBytes)) continue
        this.#waiting.delete(waiter)
        waiter.resolve(this.#take(waiter.peer, waiter.sizeBytes))
      }
    }
  }

  #add(peer: string, sizeBytes: number): void {
    this.#totalBytes += sizeBytes
    const ofPeer = (this.#byPeer.get(peer) ?? 0) + sizeBytes
    if (ofPeer > 0) this.#byPeer.set(peer, ofPeer)
    else this.#byPeer.delete(peer)
  }
}
