import { type Random, seededRandom } from '../../../runtime/base/index.ts'
import { type LineTerms, Shaper } from './shaper.ts'

/** What happens on the way from one node to another, each direction by itself. */
export interface PathTerms {
  /** Share of datagrams that are lost. */
  readonly lossShare: number
  readonly delayMs: number
  /** Up to this is added to the delay; order is kept. */
  readonly jitterMs: number
  /** Share of datagrams that are held back for {@link HOLD_BACK_MS}, so that later ones overtake them. */
  readonly reorderShare: number
}

/** A whole network: every node has the same line, every two nodes the same path. Absent: unlimited. */
export interface NetworkTerms extends PathTerms {
  readonly seed: number
  readonly up?: LineTerms
  readonly down?: LineTerms
}

/** A network that does nothing to what it carries. */
export const CLEAR: NetworkTerms = { seed: 1, lossShare: 0, delayMs: 0, jitterMs: 0, reorderShare: 0 }

/** How long a reordered datagram is held back. */
export const HOLD_BACK_MS = 15

/** What went through a node's line, and what was dropped of it. Bytes are payload of UDP or TCP. */
export interface LineCounts {
  upBytes: number
  downBytes: number
  sent: number
  received: number
  lost: number
  overflowed: number
}

interface Node {
  readonly up: Shaper | undefined
  readonly down: Shaper | undefined
  readonly counts: LineCounts
}

interface Path {
  readonly random: Random
  lastMs: number
}

/** A TCP segment on a usual link; loss is counted in them. Bytes. */
const SEGMENT_BYTES = 1_448
/** What a lost segment costs a TCP stream beside a round trip. */
const RETRANSMIT_MS = 200

/**
 * Decides when what one node sends arrives at another, or that it does not. A node's own line is shared by all its
 * paths; each path has its own seeded chance, so that a link's losses do not depend on the other links. Pure.
 */
export class LinkNetwork {
  #terms: NetworkTerms
  readonly #nodes = new Map<string, Node>()
  readonly #paths = new Map<string, Path>()

  constructor(terms: NetworkTerms) {
    this.#terms = terms
  }

  /** Other terms for paths from now on; lines stay as they are. */
  set(terms: Partial<PathTerms>): void {
    this.#terms = { ...this.#terms, ...terms }
  }

  counts(): Record<string, LineCounts> {
    return Object.fromEntries(Array.from(this.#nodes, ([name, { counts }]) => [name, { ...counts }]))
  }

  /** A datagram leaves: when it comes to the other node's line, or `undefined` when it never does. */
  leave(from: string, to: string, bytes: number, nowMs: number): number | undefined {
    const { lossShare, delayMs, jitterMs, reorderShare } = this.#terms
    const { up, counts } = this.#node(from)
    const { random, ...path } = this.#path(from, to)
    const [lost, jitter, reordered] = [
      random.float() < lossShare,
      random.float() * jitterMs,
      random.float() < reorderShare,
    ]
    const sentMs = up ? up.admit(bytes, nowMs) : nowMs
    if (sentMs === undefined) {
      counts.overflowed++
      return undefined
    }
    counts.sent++
    counts.upBytes += bytes
    if (lost) {
      counts.lost++
      return undefined
    }
    if (reordered) return sentMs + delayMs + jitter + HOLD_BACK_MS
    const arriveMs = Math.max(path.lastMs, sentMs + delayMs + jitter)
    this.#path(from, to).lastMs = arriveMs
    return arriveMs
  }

  /** A datagram has come to a node's line: when it is through, or `undefined` when the queue was full. */
  arrive(to: string, bytes: number, nowMs: number): number | undefined {
    const { down, counts } = this.#node(to)
    const throughMs = down ? down.admit(bytes, nowMs) : nowMs
    if (throughMs === undefined) {
      counts.overflowed++
      return undefined
    }
    counts.received++
    counts.downBytes += bytes
    return throughMs
  }

  /** A piece of a TCP stream leaves: when it is there. Nothing is lost or overtaken; a lost segment costs time. */
  stream(from: string, to: string, bytes: number, nowMs: number): number {
    const { lossShare, delayMs, jitterMs } = this.#terms
    const [source, target, path] = [this.#node(from), this.#node(to), this.#path(from, to)]
    const intact = (1 - lossShare) ** Math.ceil(bytes / SEGMENT_BYTES)
    const again = path.random.float() < intact ? 0 : RETRANSMIT_MS + 2 * delayMs
    const sentMs = source.up ? source.up.force(bytes, nowMs) : nowMs
    const comeMs = sentMs + delayMs + path.random.float() * jitterMs + again
    const throughMs = Math.max(path.lastMs, target.down ? target.down.force(bytes, comeMs) : comeMs)
    path.lastMs = throughMs
    if (again > 0) source.counts.lost++
    source.counts.upBytes += bytes
    target.counts.downBytes += bytes
    return throughMs
  }

  #node(name: string): Node {
    let node = this.#nodes.get(name)
    if (!node) {
      const { up, down } = name === ELSEWHERE ? { up: undefined, down: undefined } : this.#terms
      node = {
        up: up && new Shaper(up),
        down: down && new Shaper(down),
        counts: { upBytes: 0, downBytes: 0, sent: 0, received: 0, lost: 0, overflowed: 0 },
      }
      this.#nodes.set(name, node)
    }
    return node
  }

  #path(from: string, to: string): Path {
    const key = `${from} ${to}`
    let path = this.#paths.get(key)
    if (!path) {
      const seed = [...key].reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) >>> 0, this.#terms.seed)
      path = { random: seededRandom(seed), lastMs: 0 }
      this.#paths.set(key, path)
    }
    return path
  }
}

/** Whoever is no node of the network: its line is unlimited. */
export const ELSEWHERE = 'elsewhere'
