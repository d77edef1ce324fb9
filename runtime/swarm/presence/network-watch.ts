import { type Clock, type Logger, limit } from '../../base/index.ts'
import type { IslandKind, NetworkView } from '../../protocol/index.ts'
import type { Cluster } from '../charter/index.ts'
import type { ClockSkew } from './clock-skew.ts'
import { type Directory, saidGoodbye } from './directory.ts'
import type { MemberTable } from './member-table.ts'
import type { SeedRecord } from './seed.ts'

/** What a {@link NetworkWatch} is made from. */
export interface NetworkWatchInit {
  readonly members: MemberTable
  readonly directory: Directory
  readonly cluster: Cluster
  readonly skew: ClockSkew
  readonly clock: Clock
  readonly logger: Logger
  readonly seeds: () => readonly SeedRecord[]
}

/** Members and seeds that are named one by one. */
const NAMED_MEMBERS = 64
const NAMED_SEEDS = 3

/** Watches whether this node is cut off and whether its clock is right, and says so in words. */
export class NetworkWatch {
  readonly #init: NetworkWatchInit
  #island: { readonly kind: IslandKind; readonly sinceWallMs: number } | undefined
  #isClockWrong = false
  #linkedMs: number

  constructor(init: NetworkWatchInit) {
    this.#init = init
    this.#linkedMs = init.clock.monoMs()
  }

  /** Looks again; whether what an operator should know has changed. */
  review(): boolean {
    const { members, clock, logger, skew } = this.#init
    if (members.all().length > 0) this.#linkedMs = clock.monoMs()
    const kind = this.#islandKind()
    const skewMs = skew.median() ?? 0
    const isClockWrong = Math.abs(skewMs) > limit('clockWarnMs')
    const hasChanged = kind !== this.#island?.kind || isClockWrong !== this.#isClockWrong
    if (kind !== this.#island?.kind) {
      const sinceMs = kind === 'alone' ? clock.monoMs() - this.#linkedMs : 0
      this.#island = kind && { kind, sinceWallMs: Math.max(0, Math.floor(clock.wallMs() - sinceMs)) }
      if (this.#island) logger.warn({ code: `network.${this.#island.kind}` }, this.#sentence(this.#island))
      else logger.info({}, 'this node is no longer cut off')
    }
    if (isClockWrong && !this.#isClockWrong)
      logger.warn({ code: 'network.clock', skewMs: Math.round(skewMs) }, skewSentence(skewMs))
    this.#isClockWrong = isClockWrong
    return hasChanged
  }

  /** How the swarm looks from here. */
  view(): NetworkView {
    const { members, directory, cluster, skew, seeds } = this.#init
    const linked = members.all()
    const skewMs = skew.median()
    const carriers = Map.groupBy(linked, ({ carrier }) => carrier)
    const [carrier] = [...carriers].sort(([, a], [, b]) => b.length - a.length)[0] ?? []
    return {
      connected: linked.length,
      reachable: this.#reachable(),
      known: Math.max(0, cluster.roster.size - 1),
      ...(carrier && { carrier }),
      missing: directory
        .missing()
        .slice(0, NAMED_MEMBERS)
        .map(([peer, { card, goneWallMs = 0 }]) => ({ peer, name: card.name, sinceWallMs: Math.floor(goneWallMs) })),
      ...(this.#island && { island: { ...this.#island, message: this.#sentence(this.#island) } }),
      ...(skewMs !== undefined && { clockSkewMs: Math.round(skewMs) }),
      seeds: seeds().map((seed) => ({ ...seed })),
    }
  }

  #reachable(): number {
    const { members, directory } = this.#init
    return new Set([...members.all().map(({ peer }) => peer), ...directory.here()]).size
  }

  #islandKind(): IslandKind | undefined {
    const { members, directory, clock } = this.#init
    if (members.all().length === 0) {
      const isLong = clock.monoMs() - this.#linkedMs >= limit('islandAfterMs')
      return isLong && this.#isAnybodyExpected() ? 'alone' : undefined
    }
    const missing = directory.missing().length
    return this.#reachable() + 1 <= missing ? 'minority' : undefined
  }

  /** Not when everybody known has said goodbye, nor in a cluster of one. */
  #isAnybodyExpected(): boolean {
    const { directory, cluster, seeds } = this.#init
    const known = directory.all()
    if (known.length > 0) return known.some(([, { card }]) => !saidGoodbye(card))
    return cluster.roster.size > 1 || seeds().length > 0
  }

  #sentence({ kind, sinceWallMs }: { readonly kind: IslandKind; readonly sinceWallMs: number }): string {
    const since = new Date(sinceWallMs).toISOString()
    const { directory, seeds } = this.#init
    if (kind === 'minority') {
      const missing = directory.missing().length
      return `only ${this.#reachable()} of ${this.#reachable() + missing} members that were about can be reached, since ${since}: the other ${missing} are off, or a network between here and them is broken; this side goes on, and joins them by itself as soon as one of them answers`
    }
    const tried = seeds().filter(({ lastError }) => lastError)
    const named = tried.slice(-NAMED_SEEDS).map(({ address, lastError }) => `${address}: ${lastError?.message}`)
    const what =
      tried.length === 0
        ? 'it has no address to begin at'
        : `${tried.length} addresses failed (${named.join('; ')}${tried.length > NAMED_SEEDS ? '; ...' : ''})`
    return `no other member can be reached since ${since}: ${what}; check that one of them runs and that UDP or TCP gets through to it, or name one that does with --seeds`
  }
}

/** What a clock that differs means, in words. */
export function skewSentence(skewMs: number): string {
  const seconds = (Math.abs(skewMs) / 1_000).toFixed(1)
  return `the clock of this machine is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} those of its peers: set it (NTP), since tickets and memberships end by it`
}
