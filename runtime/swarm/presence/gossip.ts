import { type Clock, isAividaError, type Logger, limit, type Random } from '../../base/index.ts'
import type { ControlMessage, ControlMessageOf, Signed } from '../../protocol/index.ts'
import type { Cluster } from '../charter/index.ts'
import { type Acquaintance, type Directory, isInDate, openCard, saidGoodbye } from './directory.ts'
import type { Member } from './member.ts'
import type { MemberTable } from './member-table.ts'
import type { OwnCard } from './own-card.ts'

/** What {@link Gossip} is made from. */
export interface GossipInit {
  readonly self: string
  readonly cluster: Cluster
  readonly directory: Directory
  readonly members: MemberTable
  readonly card: OwnCard
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly post: (member: Member, message: ControlMessage) => void
  /** A card of another member is new to us. */
  readonly learnt: (peer: string, known: Acquaintance) => void
  /** Others hold a card of ours that is newer than any we remember. */
  readonly outdone: (sequence: number) => void
}

/** The protocol generation from which peers understand gossip. */
const GOSSIP_VERSION = 2
/** Neighbours that news is passed on to at once; who is left out hears of it in a later round. */
const FANOUT = 3
/** News that comes within this time goes out together. */
const NEWS_MS = 200
/** A word this much fresher is worth telling. */
const FRESHER_MS = 1_000

type Rows = ControlMessageOf<'gossip'>['heard']
type Cards = ControlMessageOf<'cards'>['cards']

/**
 * How members that have no link hear of each other. Cards spread by anti-entropy: each round a node compares with one
 * neighbour what both know, by sequence, and each gives the other what it lacks (Demers et al., "Epidemic algorithms
 * for replicated database maintenance", 1987). News - who is new, has changed or says goodbye - is also passed on at
 * once. With the sequences goes how long ago anybody heard from each member: the youngest word counts, so that nobody
 * can declare another lost.
 */
export class Gossip {
  readonly #init: GossipInit
  readonly #news = new Set<string>()
  /** Where the next comparison begins, for clusters too large for one. */
  #cursor = ''
  #newsDue = false

  constructor(init: GossipInit) {
    this.#init = init
  }

  /** One round: compares with a neighbour drawn by chance. */
  round(): void {
    const [drawn] = this.#draw(1)
    if (drawn) this.compare(drawn)
  }

  /** Compares with this neighbour what both know. */
  compare(member: Member): void {
    if (member.version < GOSSIP_VERSION) return
    const all = this.#rows()
    const start = Math.max(
      0,
      all.findIndex(({ peer }) => peer >= this.#cursor),
    )
    const heard = all.slice(start, start + limit('gossipMembers'))
    const to = all[start + limit('gossipMembers')]?.peer ?? ''
    const from = start === 0 ? '' : this.#cursor
    this.#cursor = to
    this.#init.post(member, { type: 'gossip', ask: true, from, to, heard, wants: [] })
  }

  /** Passes a member's new card on to some neighbours, soon. */
  spread(peer: string): void {
    this.#news.add(peer)
    if (this.#newsDue) return
    this.#newsDue = true
    this.#init.clock.after(NEWS_MS, () => {
      this.#newsDue = false
      const news = [...this.#news]
      this.#news.clear()
      for (const member of this.#draw(FANOUT))
        this.#give(
          member,
          news.filter((peer) => peer !== member.peer),
        )
    })
  }

  /** Hears the other side of a comparison. */
  hear(member: Member, { ask, from, to, heard, wants }: ControlMessageOf<'gossip'>): void {
    const { directory, self, card, clock } = this.#init
    const nowMs = clock.monoMs()
    for (const { peer, ageMs } of heard) directory.heard(peer, nowMs - ageMs)
    const lacks = heard
      .filter(({ peer, sequence }) => sequence > (peer === self ? card.sequence : this.#sequenceOf(peer)))
      .map(({ peer }) => peer)
    this.#give(member, wants)
    if (!ask) {
      if (lacks.length > 0) this.#init.post(member, { type: 'gossip', ask: false, from, to, heard: [], wants: lacks })
      return
    }
    const theirs = new Map(heard.map((row) => [row.peer, row]))
    const inRange = this.#rows().filter(({ peer }) => peer >= from && (to === '' || peer < to))
    this.#give(
      member,
      inRange.filter(({ peer, sequence }) => sequence > (theirs.get(peer)?.sequence ?? -1)).map(({ peer }) => peer),
    )
    const fresher = inRange.filter(({ peer, ageMs }) => ageMs + FRESHER_MS < (theirs.get(peer)?.ageMs ?? 0))
    if (fresher.length + lacks.length > 0)
      this.#init.post(member, { type: 'gossip', ask: false, from, to, heard: fresher, wants: lacks })
  }

  /** Takes cards that were passed on. Throws `card.signer`, `signature.*`: whoever passes those on did not look. */
  take(cards: Cards): void {
    for (const { card, membership, ageMs } of cards) this.#take(card, membership, ageMs)
  }

  #take(signed: Signed, membership: Signed, ageMs: number): void {
    const { self, cluster, directory, clock, logger, learnt, outdone, card: own } = this.#init
    const card = openCard(signed)
    if (card.node === self) {
      if (card.sequence > own.sequence) outdone(card.sequence)
      return
    }
    const before = directory.get(card.node)?.card
    if ((before?.sequence ?? -1) >= card.sequence || !isInDate(card, clock.wallMs())) return
    try {
      const member = cluster.vouch(card.node, membership)
      cluster.add(member).catch((error) => logger.error({ error: String(error) }, 'a member could not be kept'))
    } catch (error) {
      if (!isAividaError(error) || error.code.startsWith('signature.')) throw error
      logger.debug({ peer: card.node, code: error.code }, 'a card of no member was passed on') // our charter may be older
      return
    }
    const known = directory.learn(card, signed, clock.monoMs() - ageMs)
    if (!known) return
    learnt(card.node, known)
    if (isNews(known, before)) this.spread(card.node)
  }

  /** Sends these members' cards, with the proof of their membership. */
  #give(member: Member, peers: readonly string[]): void {
    const { cluster, directory, self, card: own, clock, post } = this.#init
    const cards: Cards = []
    let room = limit('gossipBytes')
    for (const peer of peers.slice(0, limit('gossipMembers'))) {
      const signed = peer === self ? own.current.signed : directory.get(peer)?.signed
      const membership = peer === self ? cluster.own.document : cluster.roster.member(peer)?.document
      if (!signed || !membership) continue
      room -= signed.body.byteLength + membership.body.byteLength
      if (room < 0) break
      const ageMs = peer === self ? 0 : this.#ageMs(peer, directory.get(peer)!, clock.monoMs())
      cards.push({ card: signed, membership, ageMs })
    }
    if (cards.length > 0) post(member, { type: 'cards', cards })
  }

  /** What is known, sorted by peer id; this node among them. */
  #rows(): Rows {
    const { directory, self, card, clock } = this.#init
    const nowMs = clock.monoMs()
    const rows = directory.all().map(([peer, known]) => ({
      peer,
      sequence: known.card.sequence,
      ageMs: this.#ageMs(peer, known, nowMs),
    }))
    const own = { peer: self, sequence: card.sequence, ageMs: 0 }
    const at = rows.findIndex(({ peer }) => peer > self)
    return rows.toSpliced(at === -1 ? rows.length : at, 0, own)
  }

  #ageMs(peer: string, known: Acquaintance, nowMs: number): number {
    const heardMs = Math.max(known.heardMs, this.#init.members.get(peer)?.heardMs ?? 0)
    return Math.max(0, Math.round(nowMs - heardMs))
  }

  #sequenceOf(peer: string): number {
    return this.#init.directory.get(peer)?.card.sequence ?? -1
  }

  #draw(count: number): Member[] {
    const { members, random } = this.#init
    const drawable = members.all().filter(({ version, state }) => version >= GOSSIP_VERSION && state === 'alive')
    return Array.from(
      { length: Math.min(count, drawable.length) },
      () => drawable.splice(Math.floor(random.float() * drawable.length), 1)[0]!,
    )
  }
}

/** Whether a card says more than that its node is still there. */
export function isNews({ card }: Acquaintance, before: Acquaintance['card'] | undefined): boolean {
  if (!before || saidGoodbye(card) !== saidGoodbye(before)) return true
  const what = ({ name, account, software, addresses, devices }: Acquaintance['card']) =>
    JSON.stringify([name, account, software, addresses, devices])
  return what(card) !== what(before)
}
