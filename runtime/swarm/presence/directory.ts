import { limit, peerError } from '../../base/index.ts'
import { type NodeCard, nodeCardCodec, openDocument, peerIdOf, type Signed } from '../../protocol/index.ts'
import { CARD_LIFE_MS } from './own-card.ts'

/** A member that this node has heard of. Times are monotonic ms unless they say otherwise. */
export interface Acquaintance {
  readonly card: NodeCard
  readonly signed: Signed
  /** When anybody has last heard from it, as far as is known. */
  heardMs: number
  /** It could not be reached: not offered to jobs before this. */
  awayUntilMs: number
  /** Whether jobs were told that it is here. */
  isHere: boolean
  /** Since when it is not, wall ms. */
  goneWallMs: number | undefined
}

/** What a {@link Directory.review} found: who is here now, and who no longer. */
export interface PresenceChange {
  readonly type: 'here' | 'lost'
  readonly peer: string
}

/** What {@link Directory.review} judges by. */
export interface ReviewInit {
  readonly nowMs: number
  readonly nowWallMs: number
  readonly isLinked: (peer: string) => boolean
}

/**
 * Who is known: the newest card of every member, and when anybody has last heard from it. A member is here when this
 * node has a link to it, or when others hear from it and it is not known to be out of reach.
 */
export class Directory {
  readonly #known = new Map<string, Acquaintance>()

  get size(): number {
    return this.#known.size
  }

  get(peer: string): Acquaintance | undefined {
    return this.#known.get(peer)
  }

  /** Sorted by peer id. */
  all(): [string, Acquaintance][] {
    return [...this.#known].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /**
   * Keeps a card if it is newer than the one known; gives back what is known then, or `undefined` when the directory is
   * full. Whether its node is a member, and whether the card is in date, are the caller's questions.
   */
  learn(card: NodeCard, signed: Signed, heardMs: number): Acquaintance | undefined {
    const known = this.#known.get(card.node)
    if (known && known.card.sequence >= card.sequence) return known
    if (!known && this.#known.size >= limit('members')) return undefined
    const learnt: Acquaintance = {
      card,
      signed,
      heardMs: Math.max(heardMs, known?.heardMs ?? heardMs),
      awayUntilMs: known?.awayUntilMs ?? 0,
      isHere: known?.isHere ?? false,
      goneWallMs: known?.goneWallMs,
    }
    this.#known.set(card.node, learnt)
    return learnt
  }

  /** Somebody heard from a peer at this time. */
  heard(peer: string, heardMs: number): void {
    const known = this.#known.get(peer)
    if (known && known.heardMs < heardMs) known.heardMs = heardMs
  }

  /** A peer was lost or could not be reached: it is not here until it links to us, or the time is up. */
  away(peer: string, untilMs: number, nowWallMs: number): void {
    const known = this.#known.get(peer)
    if (!known) return
    known.awayUntilMs = untilMs
    known.isHere = false
    known.goneWallMs ??= nowWallMs
  }

  /** A peer said hello: whatever was thought of it, it is here. */
  linked(peer: string): void {
    const known = this.#known.get(peer)
    if (!known) return
    known.awayUntilMs = 0
    known.isHere = true
    known.goneWallMs = undefined
  }

  forget(peer: string): void {
    this.#known.delete(peer)
  }

  /** Forgets whose card has lapsed, and tells who came and went. */
  review({ nowMs, nowWallMs, isLinked }: ReviewInit): PresenceChange[] {
    const changes: PresenceChange[] = []
    for (const [peer, known] of this.#known) {
      if (isLinked(peer)) continue
      const hasLapsed = lapsesWallMs(known.card) <= nowWallMs
      const isWord = nowMs - known.heardMs < limit('farLostAfterMs')
      const isHere = !hasLapsed && !saidGoodbye(known.card) && isWord && known.awayUntilMs <= nowMs
      if (hasLapsed) this.#known.delete(peer)
      if (isHere === known.isHere) continue
      known.isHere = isHere
      known.goneWallMs = isHere ? undefined : nowWallMs
      changes.push({ type: isHere ? 'here' : 'lost', peer })
    }
    return changes
  }

  /** Who is here, linked or not. */
  here(): string[] {
    return [...this.#known].filter(([, { isHere }]) => isHere).map(([peer]) => peer)
  }

  /** Members that are not here and did not say goodbye. */
  missing(): [string, Acquaintance][] {
    return this.all().filter(([, { isHere, card }]) => !isHere && !saidGoodbye(card))
  }
}

/** Opens a card: its signature, and that its own node made it. Throws `card.signer`, `signature.*`, `encoding.*`. */
export function openCard(signed: Signed): NodeCard {
  const { value: card, by } = openDocument(nodeCardCodec, signed)
  if (peerIdOf(by) === card.node) return card
  throw peerError('card.signer', `a card of ${card.node} is signed by ${peerIdOf(by)}`)
}

/**
 * Whether a card that somebody passed on is in date by this clock, give or take the limit `clockSkewMs`. From the node
 * itself over a link of its own a card needs no date: it is there.
 */
export function isInDate(card: NodeCard, nowWallMs: number): boolean {
  return card.issuedWallMs - limit('clockSkewMs') <= nowWallMs && nowWallMs < lapsesWallMs(card)
}

/** Whether a card is a node's last word before it stops: one that ends when it begins. */
export function saidGoodbye(card: NodeCard): boolean {
  return card.expiresWallMs <= card.issuedWallMs
}

/** Until when a card is passed on. A goodbye has to outlive the card that it takes back. */
function lapsesWallMs(card: NodeCard): number {
  return Math.max(card.expiresWallMs, card.issuedWallMs + CARD_LIFE_MS) + limit('clockSkewMs')
}
