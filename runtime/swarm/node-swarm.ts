import { type AividaError, type Clock, every, type Logger, limit, type Random, toAividaError } from '../base/index.ts'
import {
  type ControlMessage,
  type NetworkView,
  type NodeCard,
  PROTOCOLS,
  type RefusalCounts,
  type Signed,
  type Signer,
} from '../protocol/index.ts'
import type { Cluster, Door } from './charter/index.ts'
import { Warden } from './conduct/index.ts'
import type { Discovery } from './discovery/discovery.ts'
import { AddressBook } from './presence/address-book.ts'
import { Announcements } from './presence/announcements.ts'
import { Conversations } from './presence/conversations.ts'
import { type Acquaintance, Directory } from './presence/directory.ts'
import { Gossip } from './presence/gossip.ts'
import { Greeter } from './presence/greeter.ts'
import { Heartbeats } from './presence/heartbeats.ts'
import { Links } from './presence/links.ts'
import { initialLiveness } from './presence/liveness.ts'
import type { Member } from './presence/member.ts'
import { MemberTable } from './presence/member-table.ts'
import { NetworkWatch } from './presence/network-watch.ts'
import { CARD_MS, type CardContent, OwnCard } from './presence/own-card.ts'
import type { Seed } from './presence/seed.ts'
import type { ControlHandler, Swarm, SwarmEvents } from './swarm.ts'
import type { StreamOptions, Transport } from './transport/transport.ts'
import { type Channel, channel } from './wire/index.ts'

/** What a {@link NodeSwarm} is made from. */
export interface NodeSwarmInit {
  readonly transport: Transport
  readonly cluster: Cluster
  readonly door: Door
  readonly signer: Signer
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** This node's card as of now, but for its sequence, times and addresses. */
  readonly describe: () => CardContent
  /** Why our jobs do not use a peer: told to it in heartbeats. */
  readonly refusalsOf: (peer: string) => RefusalCounts
  /** Where to begin, in the order to try. */
  readonly seeds: readonly Seed[]
  /** Who keeps each peer within its share; the transport's gate asks the same one. Default: one of its own. */
  readonly warden?: Warden
  /** Further ways to find peers. Default: none. */
  readonly discoveries?: readonly Discovery[]
}

/** How often whom to be connected with is looked at. */
const REVIEW_MS = 1_000
/** How often our own addresses are compared with those on the card: a machine changes networks. */
const ADDRESSES_MS = 5_000

/**
 * The swarm of a real node. It puts together who is known ({@link Directory}) and how that spreads ({@link Gossip}),
 * who is connected ({@link MemberTable}) and ought to be ({@link Links}), who is let in ({@link Greeter}), what is said
 * ({@link Conversations}, {@link Announcements}, {@link Heartbeats}), and whether all is well ({@link NetworkWatch}).
 */
export class NodeSwarm implements Swarm {
  readonly self: string
  /** What each peer may take, and who misbehaved. */
  readonly warden: Warden
  readonly #init: NodeSwarmInit
  readonly #directory = new Directory()
  readonly #stops: (() => void)[] = []
  readonly #card: OwnCard
  readonly #members: MemberTable
  readonly #greeter: Greeter
  readonly #links: Links
  readonly #conversations: Conversations
  readonly #announcements: Announcements
  readonly #gossip: Gossip
  readonly #heartbeats: Heartbeats
  readonly #watch: NetworkWatch

  constructor(init: NodeSwarmInit) {
    this.#init = init
    this.self = init.transport.peer
    const liveness = initialLiveness({ suspectAfterMs: limit('suspectAfterMs'), lostAfterMs: limit('lostAfterMs') })
    this.#card = new OwnCard(init)
    this.#members = new MemberTable({ ...init, liveness })
    this.warden = init.warden ?? new Warden({ ...init, isMember: (peer) => this.roleOf(peer) !== '' })
    this.warden.onGated = (peer) => this.#showOut(peer)
    const shared = {
      ...init,
      warden: this.warden,
      self: this.self,
      book: new AddressBook(),
      directory: this.#directory,
      card: this.#card,
      members: this.#members,
      post: (member: Member, message: ControlMessage) => this.#post(member, message),
    }
    this.#greeter = new Greeter({
      ...shared,
      others: (count) => this.#others(count),
      admit: (greeting) => this.#links.admit(greeting),
      charterChanged: () => this.charterChanged(),
    })
    this.#links = new Links({
      ...shared,
      greeter: this.#greeter,
      joined: (member, card, isOurs) => {
        if (card) this.#announcements.hearCard(member, card)
        if (isOurs) this.#gossip.compare(member)
      },
      released: (peer) => this.#heartbeats.skew.forget(peer),
    })
    this.#conversations = new Conversations({ ...shared, hear: (member, message) => this.#hear(member, message) })
    this.#announcements = new Announcements({
      ...shared,
      spread: (peer) => this.#gossip.spread(peer),
      offended: (peer, error) => this.#conversations.offended(peer, error),
      greet: (peer) => this.join(peer),
    })
    this.#gossip = new Gossip({
      ...shared,
      learnt: (peer, known) => this.#announcements.learnt(peer, known),
      outdone: (sequence) => {
        this.#card.outdo(sequence)
        this.refreshCard()
      },
    })
    this.#heartbeats = new Heartbeats({ ...shared, keeps: (member) => this.#links.keeps(member) })
    this.#watch = new NetworkWatch({
      ...shared,
      skew: this.#heartbeats.skew,
      seeds: () => this.#links.dialler.seeds(),
    })
    this.#members.listeners.add({
      lost: (peer) => {
        this.#directory.away(peer, init.clock.monoMs() + limit('awayMs'), init.clock.wallMs())
        this.#heartbeats.skew.forget(peer)
      },
    })
  }

  async start(): Promise<void> {
    const { transport, clock, discoveries = [] } = this.#init
    transport.handle(PROTOCOLS.hello, (stream) =>
      this.#judged(stream.peer, async () => {
        await this.warden.helloTurn(stream.peer)
        await this.#greeter.answer(stream)
      }),
    )
    transport.handle(PROTOCOLS.control, (stream) =>
      this.#judged(stream.peer, async () => {
        await this.#links.guard(stream.peer)
        this.warden.assertFewControlStreams(stream.peer)
        await this.#conversations.read(stream)
      }),
    )
    await transport.start()
    this.refreshCard()
    this.#learnSeeds()
    this.#stops.push(
      this.warden.watch(transport),
      transport.subscribe({ disconnected: (peer) => this.#links.disconnected(peer) }),
      every(clock, limit('heartbeatMs'), () => this.#beat()),
      every(clock, limit('gossipMs'), () => this.#gossip.round()),
      every(clock, REVIEW_MS, () => this.#review()),
      every(clock, ADDRESSES_MS, () => this.#followAddresses()),
      every(clock, CARD_MS, () => this.refreshCard()),
    )
    this.#links.dial()
    const onPeer = (_: string, addresses: readonly string[]) => {
      for (const address of addresses) this.noteAddress(address)
    }
    const host = { peer: this.self, addresses: () => transport.addresses(), onPeer }
    await Promise.all(discoveries.map((discovery) => discovery.start(host)))
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop()
    await Promise.all((this.#init.discoveries ?? []).map((discovery) => discovery.stop()))
    for (const member of this.#members.all()) member.link.close()
    await this.#init.transport.stop()
  }

  /** Members that this node has a link to. */
  members(): readonly Member[] {
    return this.#members.all()
  }

  /** Members that this node has heard of, linked or not; see {@link Acquaintance.isHere}. */
  acquaintances(): readonly [peer: string, known: Acquaintance][] {
    return this.#directory.all()
  }

  /** A member's newest card. */
  cardOf(peer: string): NodeCard | undefined {
    return peer === this.self ? this.card() : this.#directory.get(peer)?.card
  }

  /** What a member is there for; empty for who is none. */
  roleOf(peer: string): string {
    return this.#init.cluster.roster.member(peer)?.role ?? ''
  }

  /** Our card as it was last signed. */
  card(): NodeCard {
    return this.#card.current.value
  }

  /** Why hellos were refused lately, by peer. */
  refusedHellos(): ReadonlyMap<string, AividaError> {
    return this.#links.dialler.refused
  }

  /** How the swarm looks from here. */
  network(): NetworkView {
    return this.#watch.view()
  }

  /** A way to reach a peer, found on the network. */
  noteAddress(address: string): void {
    this.#links.dialler.found(address)
  }

  /** Connects to a peer and says hello. Throws `peer.unreachable`, and what the gate refuses with. */
  async join(peer: string, options: StreamOptions = {}): Promise<void> {
    await this.#links.dialler.join(peer, options)
  }

  /** Signs our card anew and tells everybody: devices or addresses have changed. */
  refreshCard(): void {
    this.#announcements.refreshCard()
  }

  /** Passes charter updates on, and drops members that the charter no longer knows. */
  charterChanged(): void {
    this.#announcements.charterChanged()
    this.#learnSeeds()
  }

  /** Tells everybody that this node leaves the cluster. */
  async sayGoodbye(leave: Signed): Promise<void> {
    await this.#announcements.tellAll({ type: 'leave', leave })
  }

  /** Tells everybody that this node is about to stop, so that nobody misses it; resolves when that is on its way. */
  async sayFarewell(): Promise<void> {
    await this.#announcements.tellAll({ type: 'card', card: this.#card.goodbye() })
  }

  async send(peer: string, message: ControlMessage, body: readonly Uint8Array[] = []): Promise<void> {
    if (peer === this.self) return queueMicrotask(() => this.#conversations.handle(peer, () => message, joined(body)))
    const member = await this.#links.reached(peer)
    await member.link.send(message, body)
  }

  accountOf(peer: string): string | undefined {
    return this.#init.cluster.roster.member(peer)?.account
  }

  on<T extends ControlMessage['type']>(type: T, handler: ControlHandler<T>): void {
    this.#conversations.on(type, handler)
  }

  async open(peer: string, protocol: string, options?: StreamOptions): Promise<Channel> {
    await this.#links.reached(peer, options)
    return channel(await this.#init.transport.open(peer, protocol, options), { meter: this.warden.traffic })
  }

  serve(protocol: string, handler: (channel: Channel) => Promise<void>): void {
    this.#init.transport.handle(protocol, (stream) =>
      this.#judged(stream.peer, async () => {
        const member = await this.#links.guard(stream.peer)
        member.inUse++
        try {
          await handler(channel(stream, { meter: this.warden.traffic, maxBodyBytes: limit('chunkBytes') }))
        } finally {
          member.inUse--
          this.#links.used(member)
        }
      }),
    )
  }

  report(peer: string, error: AividaError): void {
    if (peer !== this.self) this.warden.judge(peer, error)
  }

  subscribe(events: Partial<SwarmEvents>): () => void {
    const stop = this.#members.listeners.add(events)
    for (const [peer, { card, isHere }] of this.#directory.all()) if (isHere) events.card?.(peer, card)
    events.card?.(this.self, this.#card.current.value)
    return stop
  }

  /** Serves a stream; what its peer did wrong on it is held against the peer. */
  async #judged(peer: string, serve: () => Promise<void>): Promise<void> {
    try {
      await serve()
    } catch (error) {
      this.warden.judge(peer, toAividaError(error))
      throw error
    }
  }

  /** Ends what a peer has here, be it a member or a stranger. */
  #showOut(peer: string): void {
    this.#members.drop(peer)
    this.#init.transport.disconnect(peer).catch(() => {}) // it may be gone already
  }

  #hear(member: Member, message: ControlMessage): void {
    switch (message.type) {
      case 'heartbeat':
        this.#heartbeats.hear(member, message)
        return
      case 'card':
        this.#announcements.hearCard(member, message.card)
        return
      case 'gossip':
        this.#gossip.hear(member, message)
        return
      case 'cards':
        this.#gossip.take(message.cards)
        return
      case 'charter':
        void this.#announcements.hearUpdates(member, message.updates, () => this.charterChanged())
        return
      case 'leave':
        void this.#announcements.hearLeave(member, message.leave)
        return
      default: // what jobs say to each other is for their handlers
        this.#links.used(member)
    }
  }

  #beat(): void {
    this.#heartbeats.beat(this.#members.all())
    this.#members.observe({ type: 'tick' })
    this.#links.closeUnused()
  }

  #review(): void {
    this.#links.review()
    if (this.#watch.review()) this.#members.listeners.network(this.#watch.view())
  }

  #followAddresses(): void {
    if (this.#init.transport.addresses().join() !== this.card().addresses.join()) this.refreshCard()
  }

  #learnSeeds(): void {
    const { seeds = [] } = this.#init.cluster.charter.state.terms
    for (const address of seeds) this.#links.dialler.seed({ address, source: 'charter' })
  }

  /** Some members that are here, drawn by chance. */
  #others(count: number): { peer: string; addresses: string[] }[] {
    const here = this.#directory.here()
    const start = Math.floor(this.#init.random.float() * here.length)
    return [...here.slice(start), ...here.slice(0, start)]
      .slice(0, count)
      .map((peer) => ({ peer, addresses: [...this.#directory.get(peer)!.card.addresses] }))
  }

  #post(member: Member, message: ControlMessage): void {
    member.link.send(message).catch((error) => {
      this.#init.logger.debug({ peer: member.peer, error: toAividaError(error).code }, `${message.type} was not sent`)
    })
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.length === 1 ? pieces[0]! : new Uint8Array(Buffer.concat(pieces))
}
