import { limit, type Random } from '../../base/index.ts'

/** How long a neighbour is given to dial us. */
const THEIR_TURN_MS = 2_000

/**
 * Chooses whom to be connected with. Up to the limit `meshPeers`, everybody. Beyond it: the next `ringPeers` on either
 * side in the order of peer ids, which both sides choose alike and which connects everybody that knows of each other,
 * and `chosenPeers` drawn by chance, which make the way between any two short and survive what breaks the ring.
 * A node then keeps some 16 links, however large the cluster.
 */
export class Neighbours {
  readonly #self: string
  readonly #random: Random
  /** Drawn by chance; kept as long as they are here, so that links do not come and go. */
  readonly #chosen = new Set<string>()
  /** Since when each neighbour is one. Monotonic ms. */
  #sinceMs = new Map<string, number>()

  constructor(self: string, random: Random) {
    this.#self = self
    this.#random = random
  }

  has(peer: string): boolean {
    return this.#sinceMs.has(peer)
  }

  /** Chooses anew, of the peers that are here. */
  choose(here: readonly string[], nowMs: number): void {
    const wanted = [...this.#wanted(here)]
    this.#sinceMs = new Map(wanted.map((peer) => [peer, this.#sinceMs.get(peer) ?? nowMs]))
  }

  /** Whether to dial a neighbour: both sides want most links, so the lower id does, unless it takes too long. */
  isOurTurn(peer: string, nowMs: number): boolean {
    const sinceMs = this.#sinceMs.get(peer)
    return sinceMs !== undefined && (this.#self < peer || nowMs - sinceMs >= THEIR_TURN_MS)
  }

  #wanted(here: readonly string[]): ReadonlySet<string> {
    if (here.length <= limit('meshPeers')) return new Set(here)
    const ring = ringOf(this.#self, here, limit('ringPeers'))
    const others = new Set(here.filter((peer) => !ring.has(peer)))
    for (const peer of this.#chosen) if (!others.delete(peer)) this.#chosen.delete(peer)
    const drawable = [...others]
    while (this.#chosen.size < limit('chosenPeers') && drawable.length > 0) {
      const [drawn] = drawable.splice(Math.floor(this.#random.float() * drawable.length), 1)
      this.#chosen.add(drawn!)
    }
    return new Set([...ring, ...this.#chosen])
  }
}

/** The nearest `count` on either side of `self`, when all stand in a circle in the order of their ids. */
function ringOf(self: string, here: readonly string[], count: number): Set<string> {
  const circle = [...here].sort()
  const after = circle.findIndex((peer) => peer > self)
  const start = after === -1 ? circle.length : after
  const at = (offset: number) => circle[(start + offset + circle.length) % circle.length]!
  return new Set(Array.from({ length: 2 * count }, (_, i) => at(i - count)))
}
