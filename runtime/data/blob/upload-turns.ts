import { type Clock, limit } from '../../base/index.ts'

interface Waiting {
  readonly peer: string
  readonly go: (done: () => void) => void
}

/**
 * Turns for chunks on their way out: at most `blobUploads` at once, so that uploads take a bounded part of memory and
 * line, and one for each peer, so that nobody's many streams push the others aside. First come, first served; who lets a chunk lie for `blobReplyMs`
 * holds up nobody any longer.
 */
export class UploadTurns {
  readonly #clock: Clock
  readonly #sending = new Set<string>()
  readonly #waiting: Waiting[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when it is this peer's turn, with the function that ends it. */
  take(peer: string): Promise<() => void> {
    return new Promise((go) => {
      this.#waiting.push({ peer, go })
      this.#next()
    })
  }

  #next(): void {
    while (this.#sending.size < limit('blobUploads')) {
      const at = this.#waiting.findIndex(({ peer }) => !this.#sending.has(peer))
      const [turn] = at < 0 ? [] : this.#waiting.splice(at, 1)
      if (!turn) return
      this.#sending.add(turn.peer)
      let over = false
      const done = () => {
        if (over) return
        over = true
        cancel()
        this.#sending.delete(turn.peer)
        this.#next()
      }
      const cancel = this.#clock.after(limit('blobReplyMs'), done)
      turn.go(done)
    }
  }
}
