import { type Clock, type Logger, limit, peerError, type Random } from '../../base/index.ts'
import type { Signed } from '../../protocol/index.ts'
import type { Warden } from '../conduct/index.ts'
import type { StreamOptions, Transport } from '../transport/transport.ts'
import type { AddressBook } from './address-book.ts'
import { ControlLink } from './control-link.ts'
import { Dialler } from './dialler.ts'
import { type Directory, saidGoodbye } from './directory.ts'
import type { Greeter, Greeting } from './greeter.ts'
import type { Member } from './member.ts'
import type { MemberTable } from './member-table.ts'
import { Neighbours } from './neighbours.ts'
import type { Seed } from './seed.ts'

/** What {@link Links} are made from. */
export interface LinksInit {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly seeds: readonly Seed[]
  readonly book: AddressBook
  readonly greeter: Greeter
  readonly directory: Directory
  readonly members: MemberTable
  readonly warden: Warden
  /** A member said hello, and perhaps showed its card; `isOurs` when it was we who called. */
  readonly joined: (member: Member, card: Signed | undefined, isOurs: boolean) => void
  /** A link that nobody needs was closed. */
  readonly released: (peer: string) => void
}

/** A few heartbeats: by then the other side has heard that we do not need the link. */
const HEARD_MS = 3 * limit('heartbeatMs')

/**
 * Which links there are: to neighbours always, to other members when something is sent to them, and no longer than
 * either side has a use for it.
 */
export class Links {
  readonly dialler: Dialler
  readonly #init: LinksInit
  readonly #neighbours: Neighbours

  constructor(init: LinksInit) {
    this.#init = init
    this.#neighbours = new Neighbours(init.transport.peer, init.random)
    this.dialler = new Dialler({
      ...init,
      wants: (peer) => this.#wants(peer),
      isSilent: (peer) => init.members.get(peer)?.state === 'suspect',
    })
  }

  /** A hello was said and answered. Throws `peer.offender` while the peer is kept out. */
  admit({ member: { node: peer, role }, connection, software, version, card }: Greeting): void {
    const { clock, transport, logger, members, directory, warden, joined } = this.#init
    const { carrier, address, direction } = connection
    const nowMs = clock.monoMs()
    warden.admit(peer)
    const known = members.get(peer)
    known?.link.retire()
    const member: Member = {
      peer,
      role,
      software,
      version,
      link: new ControlLink(peer, transport, warden.traffic),
      carrier,
      address,
      card: known?.card,
      state: 'alive',
      heardMs: nowMs,
      beat: known?.beat,
      keeps: true,
      spareSinceMs: undefined,
      usedMs: nowMs,
      inUse: 0,
      refusals: known?.refusals ?? {},
    }
    members.admit(member)
    logger.info({ peer, carrier, address, software }, 'a member is here')
    joined(member, card, direction === 'outbound')
    directory.linked(peer)
    if (known) members.listeners.tell('alive', peer)
  }

  /** Who may open streams: members only get past hello. A peer whose hello is under way is waited for. */
  async guard(peer: string): Promise<Member> {
    const { greeter, members } = this.#init
    await greeter.settled(peer)
    const member = members.get(peer)
    if (member) return member
    throw peerError('peer.not-admitted', `${peer} is not a member that said hello; only the hello protocol is open`)
  }

  /** The link to a member that is here, made if there is none. Throws `peer.not-connected`, and as a dial does. */
  async reached(peer: string, { signal }: StreamOptions = {}): Promise<Member> {
    const { members, directory } = this.#init
    const linked = members.get(peer)
    if (linked) return this.used(linked)
    if (!directory.get(peer)?.isHere) throw peerError('peer.not-connected', `${peer} is not connected`)
    try {
      await this.dialler.reach(peer)
    } catch (error) {
      if (directory.get(peer)?.isHere && !members.has(peer)) members.listeners.tell('lost', peer)
      throw error
    }
    signal?.throwIfAborted()
    const reached = members.get(peer)
    if (reached) return this.used(reached)
    throw peerError('peer.not-connected', `${peer} came and went`)
  }

  /** Jobs or blobs have a use for this link. */
  used(member: Member): Member {
    member.usedMs = this.#init.clock.monoMs()
    return member
  }

  /** Whether we have a use for a link. Peers from before gossip know of others by links alone. */
  keeps({ peer, usedMs, inUse, version }: Member): boolean {
    if (this.#neighbours.has(peer) || inUse > 0 || version < 2) return true
    return this.#init.clock.monoMs() - usedMs < limit('linkIdleMs')
  }

  /** Closes links that neither side has a use for, once the other side has heard so. */
  closeUnused(): void {
    const { members, clock } = this.#init
    for (const member of members.all()) {
      if (this.keeps(member)) member.spareSinceMs = undefined
      else member.spareSinceMs ??= clock.monoMs()
      if (this.#isUseless(member) && clock.monoMs() - member.spareSinceMs! >= HEARD_MS) this.#release(member)
    }
  }

  /** The last connection to a peer is gone: the other side may be the first to close a link that nobody needs. */
  disconnected(peer: string): void {
    const { members } = this.#init
    const member = members.get(peer)
    if (member && this.#isUseless(member)) this.#release(member)
    else members.observe({ type: 'disconnected', peer })
  }

  /** Tells who came and went, chooses neighbours anew, and dials. */
  review(): void {
    const { clock, members, directory } = this.#init
    const { listeners } = members
    const nowMs = clock.monoMs()
    const isLinked = (peer: string) => members.has(peer)
    for (const { type, peer } of directory.review({ nowMs, nowWallMs: clock.wallMs(), isLinked }))
      if (type === 'here') listeners.card(peer, directory.get(peer)!.card)
      else listeners.tell('lost', peer)
    this.#neighbours.choose(directory.here(), nowMs)
    this.dial()
  }

  /** Dials who ought to be dialled now. */
  dial(): void {
    this.dialler.tick(this.#init.members.all().length === 0)
  }

  #isUseless(member: Member): boolean {
    return !member.keeps && !this.keeps(member)
  }

  #release({ peer, heardMs }: Member): void {
    const { directory, members, released } = this.#init
    directory.heard(peer, heardMs)
    members.release(peer)
    released(peer)
  }

  #wants(peer: string): 'neighbour' | 'search' | undefined {
    const { members, directory, clock } = this.#init
    const member = members.get(peer)
    if (member) return member.state === 'suspect' ? 'neighbour' : undefined
    if (this.#neighbours.has(peer)) return this.#neighbours.isOurTurn(peer, clock.monoMs()) ? 'neighbour' : undefined
    const known = directory.get(peer)
    if (known?.isHere) return undefined
    const isOff = known && saidGoodbye(known.card) && members.all().length > 0
    return isOff ? undefined : 'search'
  }
}
