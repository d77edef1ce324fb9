import { type AividaError, type Clock, every, type Logger, limit, peerError, sleep } from '../../base/index.ts'
import type { ControlMessage } from '../../protocol/index.ts'
import type { PeerId, Transport } from '../transport/transport.ts'
import { Conduct, type ConductRecord } from './conduct.ts'
import { hostOf, Strangers } from './strangers.ts'
import { TokenBucket } from './token-bucket.ts'
import { Traffic } from './traffic.ts'
import { OFFENCE, weightOf } from './weights.ts'

/** What a {@link Warden} is made from. */
export interface WardenInit {
  readonly clock: Clock
  readonly logger: Logger
  /** Whether the roster names the peer. */
  readonly isMember: (peer: PeerId) => boolean
  /** Whether an admin has put the peer out for good. Default: nobody is. */
  readonly isRemoved?: (peer: PeerId) => boolean
}

/** How often strangers are looked at. */
const SWEEP_MS = 1_000
/** Messages that opening a control stream counts for. */
const CONTROL_STREAM_CHATTER = 10
/** Hellos of one peer that come at once. */
const HELLO_BURST = 8
/** What members tell each other about the swarm, unasked; the rest is said about leases, which are bounded by themselves. */
const CHATTER: ReadonlySet<ControlMessage['type']> = new Set([
  'heartbeat',
  'card',
  'gossip',
  'cards',
  'charter',
  'leave',
])

/** The shares of one peer. */
interface Shares {
  readonly hellos: TokenBucket
  readonly chatter: TokenBucket
  readonly work: TokenBucket
}

/**
 * Keeps each peer within its share of this node, and shows out those that misbehave. It is the transport's gate: a peer
 * is refused by its proven id before it can open anything. Members answer for themselves, strangers for the address
 * they come from - which keeps other strangers of that address out, and never a member.
 */
export class Warden {
  /** Called when a peer is gated, to end what it has here. */
  onGated: (peer: PeerId) => void = () => {}
  /** Called when what is known of a peer's conduct is new: its first misdeed, and each gating. */
  onNoted: (peer: PeerId) => void = () => {}
  /** What the node's channels are metered by. */
  readonly traffic: Traffic
  readonly #init: WardenInit
  readonly #peers = new Conduct()
  readonly #hosts = new Conduct()
  readonly #strangers = new Strangers()
  readonly #shares = new Map<PeerId, Shares>()
  /** Errors that were judged: one may come by on several ways. */
  readonly #judged = new WeakSet<AividaError>()

  constructor(init: WardenInit) {
    this.#init = init
    this.traffic = new Traffic({ clock: init.clock, onSlow: (peer, error) => this.judge(peer, error) })
  }

  /** Watches who comes and goes, and shows out strangers that stay strangers. Returns a function that stops it. */
  watch(transport: Transport): () => void {
    const stops = [
      transport.subscribe({
        disconnected: (peer) => this.#strangers.leave(peer),
        misused: (peer, error) => this.judge(peer, error),
      }),
      this.traffic.start(),
      every(this.#init.clock, SWEEP_MS, () => this.#sweep(transport)),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }

  /** The gate: whether a connection with this peer is let in. `inboundFrom` is the address it came from, if it did. */
  admits(peer: PeerId, inboundFrom?: string): boolean {
    const nowMs = this.#nowMs
    const { isMember, isRemoved } = this.#init
    if (isRemoved?.(peer)) {
      if (inboundFrom !== undefined) this.#note(this.#peers, peer, REMOVED, 1)
      return false
    }
    if (this.#peers.gatedMs(peer, nowMs) > 0) return false
    if (inboundFrom === undefined || isMember(peer)) return true
    const host = hostOf(inboundFrom)
    return this.#hosts.gatedMs(host, nowMs) === 0 && this.#strangers.enter(peer, host, nowMs)
  }

  /** Streams that a peer may have open here at once. */
  streamsOf(peer: PeerId): number {
    return this.#strangers.has(peer) ? limit('strangerStreams') : limit('streamsPerPeer')
  }

  /** A peer said hello and was found to be a member. Throws `peer.offender` while it is gated. */
  admit(peer: PeerId): void {
    const gatedMs = this.#peers.gatedMs(peer, this.#nowMs)
    if (gatedMs > 0) {
      const why = this.#peers.get(peer)?.message
      const again = `it may call again in ${Math.ceil(gatedMs / 1000)} s`
      throw peerError('peer.offender', `${peer} broke the protocol too often and was cut off (${why}); ${again}`)
    }
    this.#strangers.leave(peer)
  }

  /**
   * Notes what a peer caused: an offence, a stray, or nothing that says anything about it. One too many, and the peer is
   * gated.
   */
  judge(peer: PeerId, error: AividaError): void {
    if (this.#judged.has(error)) return
    this.#judged.add(error)
    const weight = weightOf(error)
    const host = this.#strangers.hostOf(peer)
    if (host === undefined) this.#note(this.#peers, peer, error, weight)
    else this.#note(this.#hosts, host, error, weight, peer)
  }

  /** Resolves when it is the turn of a hello of this peer. Throws `hello.busy` when that would last too long. */
  async helloTurn(peer: PeerId): Promise<void> {
    const nowMs = this.#nowMs
    const host = this.#strangers.hostOf(peer)
    const waitMs =
      host === undefined
        ? this.#sharesOf(peer).hellos.oweWithin(limit('helloMs') / 2, 1, nowMs)
        : this.#strangers.helloWaitMs(host, nowMs)
    if (waitMs === undefined)
      throw peerError('hello.busy', `too many hellos come from where ${peer} is; try again later`)
    if (waitMs > 0) await sleep(this.#init.clock, waitMs)
  }

  /**
   * How long reading on has to wait after a message, so that its peer takes no more than its share, ms. A header costs
   * decoding and signatures, a body only its hash.
   */
  workWaitMs(peer: PeerId, headerBytes: number, bodyBytes = 0): number {
    return this.#sharesOf(peer).work.owe(1 + headerBytes / 512 + bodyBytes / 65_536, this.#nowMs)
  }

  /** Throws `peer.flood` when a peer says more about the swarm than any honest one would. */
  assertNoFlood(peer: PeerId, type: ControlMessage['type']): void {
    if (CHATTER.has(type)) this.#assertChatter(peer, 1, type)
  }

  /** Throws `peer.flood` when a peer opens control streams again and again: one is enough, and lasts. */
  assertFewControlStreams(peer: PeerId): void {
    this.#assertChatter(peer, CONTROL_STREAM_CHATTER, 'control stream')
  }

  #assertChatter(peer: PeerId, count: number, what: string): void {
    if (this.#sharesOf(peer).chatter.take(count, this.#nowMs)) return
    const [perSecond, burst] = [limit('chatterPerSecond'), limit('chatterBurst')]
    throw peerError(
      'peer.flood',
      `${peer} sends more than ${perSecond} messages about the swarm a second, after ${burst} at once; this ${what} is dropped`,
    )
  }

  /** Peers whose misdeeds are remembered, by id. */
  conduct(peer: PeerId): ConductRecord | undefined {
    return this.#peers.get(peer)
  }

  /** Peers that are kept out now. */
  gated(): readonly PeerId[] {
    return this.#peers.all().flatMap(([peer, { gatedUntilMs }]) => (gatedUntilMs > this.#nowMs ? [peer] : []))
  }

  /** Addresses whose strangers misbehaved, and how. */
  hosts(): readonly (readonly [string, ConductRecord])[] {
    return this.#hosts.all()
  }

  #note(book: Conduct, subject: string, error: Misdeed, weight: number, stranger?: PeerId): void {
    if (weight === 0) return
    const { logger } = this.#init
    const { code, message } = error
    const isFirst = book.get(subject) === undefined
    const isGated = book.note(subject, error, weight, this.#nowMs)
    // Offences are few, since they end in a gating; strays are not.
    const level = weight >= OFFENCE || isFirst ? 'warn' : 'debug'
    logger[level]({ peer: subject, code, message }, 'a peer broke the protocol')
    if (isGated) logger.warn({ peer: subject, code }, 'it is kept out for a while')
    if (isGated) this.onGated(stranger ?? subject)
    if (stranger === undefined && (isFirst || isGated)) this.onNoted(subject)
  }

  #sweep(transport: Transport): void {
    for (const { peer, host } of this.#strangers.overdue(this.#nowMs)) {
      if (this.#init.isMember(peer)) continue
      transport.disconnect(peer).catch(() => {}) // it may be gone already
      this.#note(this.#hosts, host, silent(peer), weightOf(silent(peer)), peer)
    }
  }

  #sharesOf(peer: PeerId): Shares {
    const known = this.#shares.get(peer)
    if (known) return known
    const nowMs = this.#nowMs
    const bucket = (perSecond: number, burst: number) => new TokenBucket({ perSecond, burst }, nowMs)
    const shares = {
      hellos: bucket(limit('hellosPerSecond'), HELLO_BURST),
      chatter: bucket(limit('chatterPerSecond'), limit('chatterBurst')),
      work: bucket(limit('workPerSecond'), limit('workBurst')),
    }
    this.#shares.set(peer, shares)
    if (this.#shares.size > limit('peers') + limit('strangers'))
      this.#shares.delete(this.#shares.keys().next().value as string)
    return shares
  }

  get #nowMs(): number {
    return this.#init.clock.monoMs()
  }
}

type Misdeed = Pick<AividaError, 'code' | 'message'>

const REMOVED: Misdeed = { code: 'membership.removed', message: 'an admin removed it, and it still calls' }

function silent(peer: PeerId): AividaError {
  return peerError('stranger.silent', `${peer} connected and was no member after ${limit('strangerMs')} ms`)
}
