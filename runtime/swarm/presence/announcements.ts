import { type Clock, isAividaError, peerError } from '../../base/index.ts'
import type { ControlMessage, Signed } from '../../protocol/index.ts'
import type { Cluster } from '../charter/index.ts'
import type { AddressBook } from './address-book.ts'
import { type Acquaintance, type Directory, openCard, saidGoodbye } from './directory.ts'
import { isNews } from './gossip.ts'
import type { Member } from './member.ts'
import type { MemberTable } from './member-table.ts'
import type { OwnCard } from './own-card.ts'

/** What {@link Announcements} are made from. */
export interface AnnouncementsInit {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly card: OwnCard
  readonly book: AddressBook
  readonly directory: Directory
  readonly members: MemberTable
  /** A card that says something new is to be spread. */
  readonly spread: (peer: string) => void
  readonly post: (member: Member, message: ControlMessage) => void
  /** A member's word could not be taken: it broke the protocol, or we failed. */
  readonly offended: (peer: string, error: unknown) => void
  /** Says hello to a member anew. */
  readonly greet: (peer: string) => Promise<void>
}

/** Charter updates passed on at once; a peer that lacks more says hello again. */
const CHARTER_TAIL = 256

/** What members tell each other about the cluster: their cards, charter updates, and that they leave. */
export class Announcements {
  readonly #init: AnnouncementsInit

  constructor(init: AnnouncementsInit) {
    this.#init = init
  }

  /** Signs our card anew and tells everybody. */
  refreshCard(): void {
    const { card, members, post } = this.#init
    card.renew()
    const { value, signed } = card.current
    for (const member of members.all()) post(member, { type: 'card', card: signed })
    members.listeners.card(value.node, value)
  }

  /** A member's own card, from itself. Throws `card.signer`, `signature.*`. */
  hearCard(member: Member, signed: Signed): void {
    const { directory, clock, spread } = this.#init
    const { peer } = member
    const card = openCard(signed)
    if (card.node !== peer) throw peerError('card.signer', `${peer} sent a card of ${card.node}`)
    const before = directory.get(peer)?.card
    const known = directory.learn(card, signed, clock.monoMs())
    if (!known || (member.card?.sequence ?? -1) >= known.card.sequence) return
    this.learnt(peer, known)
    if (isNews(known, before)) spread(peer)
  }

  /** A card is new to us, from whomever. */
  learnt(peer: string, { card, isHere }: Acquaintance): void {
    const { members, book } = this.#init
    const member = members.get(peer)
    if (member) member.card = card
    book.card(peer, card.addresses)
    if ((member || isHere) && !saidGoodbye(card)) members.listeners.card(peer, card)
  }

  /** Passes charter updates on, and drops members that the charter no longer knows. */
  charterChanged(): void {
    const { cluster, members, directory, post } = this.#init
    const updates = cluster.charter.updates.slice(-CHARTER_TAIL)
    for (const member of members.all()) post(member, { type: 'charter', updates })
    const known = [...members.all().map(({ peer }) => peer), ...directory.all().map(([peer]) => peer)]
    for (const peer of new Set(known)) if (!cluster.roster.member(peer)) this.#dismiss(peer)
  }

  /** Hears charter updates; a hello brings those that are missing in between. */
  async hearUpdates(member: Member, updates: readonly Signed[], changed: () => void): Promise<void> {
    const { cluster, greet, offended } = this.#init
    const { length } = cluster.charter.updates
    try {
      await cluster.learnUpdates(updates)
      if (cluster.charter.updates.length > length) changed()
    } catch (error) {
      if (isAividaError(error, 'charter.gap')) await greet(member.peer).catch(() => {})
      else offended(member.peer, error)
    }
  }

  /** Hears that a node leaves, by its own word, and passes it on. */
  async hearLeave(member: Member, leave: Signed): Promise<void> {
    try {
      const gone = await this.#init.cluster.remove(leave)
      if (gone === undefined) return
      this.#dismiss(gone)
      await this.tellAll({ type: 'leave', leave })
    } catch (error) {
      this.#init.offended(member.peer, error)
    }
  }

  /** Resolves when everybody with a link was told, or could not be. */
  async tellAll(message: ControlMessage): Promise<void> {
    await Promise.allSettled(this.#init.members.all().map((member) => member.link.send(message)))
  }

  /** Drops a peer that is no member any more. */
  #dismiss(peer: string): void {
    const { members, directory, book } = this.#init
    const isFar = directory.get(peer)?.isHere && !members.has(peer)
    book.forget(peer)
    directory.forget(peer)
    members.drop(peer)
    if (isFar) members.listeners.tell('lost', peer)
  }
}
