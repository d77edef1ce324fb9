import {
  type AividaError,
  type Clock,
  every,
  isAividaError,
  type Logger,
  limit,
  peerError,
  toAividaError,
} from '../base/index.ts'
import {
  type ControlMessage,
  type NetworkView,
  type NodeCard,
  nodeCardCodec,
  openDocument,
  PROTOCOLS,
  peerIdOf,
  type RefusalCounts,
  type Signed,
  type Signer,
} from '../protocol/index.ts'
import type { Cluster, Door } from './charter/index.ts'
import { Warden } from './conduct/index.ts'
import { AddressBook, peerOfAddress } from './membership/address-book.ts'
import { ControlLink } from './membership/control-link.ts'
import { Conversations } from './membership/conversations.ts'
import { Dialler } from './membership/dialler.ts'
import { Greeter, type Greeting } from './membership/greeter.ts'
import { initialLiveness } from './membership/liveness.ts'
import type { Member } from './membership/member.ts'
import { MemberTable } from './membership/member-table.ts'
import { CARD_MS, type CardContent, OwnCard } from './membership/own-card.ts'
import type { Seed } from './membership/seed.ts'
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
  readonly logger: Logger
  /** This node's card as of now, but for its sequence, times and addresses. */
  readonly describe: () => CardContent
  /** Why our jobs do not use a peer: told to it in heartbeats. */
  readonly refusalsOf: (peer: string) => RefusalCounts
  /** Where to begin, in the order to try. */
  readonly seeds: readonly Seed[]
  /** Who keeps each peer within its share; the transport's gate asks the same one. Default: one of its own. */
  readonly warden?: Warden
}

const RECONNECT_MS = 1_000
/** Charter updates passed on at once; a peer that lacks more says hello again. */
const CHARTER_TAIL = 256

/**
 * The swarm of a real node. It puts together who is connected ({@link MemberTable}), who is called next
 * ({@link Dialler}), who is let in ({@link Greeter}) and what is said ({@link Conversations}), and says itself what
 * members tell each other about the swarm: heartbeats, cards, charter updates, goodbyes.
 */
export class NodeSwarm implements Swarm {
  readonly self: string
  /** What each peer may take, and who misbehaved. */
  readonly warden: Warden
  readonly #init: NodeSwarmInit
  readonly #book = new AddressBook()
  readonly #stops: (() => void)[] = []
  readonly #members: MemberTable
  readonly #card: OwnCard
  readonly #greeter: Greeter
  readonly #dialler: Dialler
  readonly #conversations: Conversations
  #heartbeats = 0

  constructor(init: NodeSwarmInit) {
    this.#init = init
    this.self = init.transport.peer
    this.#card = new OwnCard(init)
    const { transport, cluster, door, clock, logger } = init
    const book = this.#book
    this.warden = init.warden ?? new Warden({ clock, logger, isMember: (peer) => this.#isMember(peer) })
    this.warden.onGated = (peer) => this.#showOut(peer)
    this.#members = new MemberTable({
      transport,
      clock,
      logger,
      liveness: initialLiveness({ suspectAfterMs: limit('suspectAfterMs'), lostAfterMs: limit('lostAfterMs') }),
    })
    this.#greeter = new Greeter({
      transport,
      cluster,
      door,
      clock,
      card: this.#card,
      book,
      admit: (greeting) => this.#admit(greeting),
      charterChanged: () => this.charterChanged(),
    })
    this.#dialler = new Dialler({
      transport,
      clock,
      logger,
      book,
      greeter: this.#greeter,
      wants: (peer) => this.#wants(peer),
    })
    this.#conversations = new Conversations({
      members: this.#members,
      warden: this.warden,
      clock,
      logger,
      hear: (member, message) => this.#hear(member, message),
    })
    for (const { address } of init.seeds) this.noteAddress(address, true)
  }

  async start(): Promise<void> {
    const { transport, clock } = this.#init
    transport.handle(PROTOCOLS.hello, (stream) =>
      this.#judged(stream.peer, async () => {
        await this.warden.helloTurn(stream.peer)
        await this.#greeter.answer(stream)
      }),
    )
    transport.handle(PROTOCOLS.control, (stream) =>
      this.#judged(stream.peer, async () => {
        await this.#guard(stream.peer)
        await this.#conversations.read(stream)
      }),
    )
    await transport.start()
    this.refreshCard()
    this.#stops.push(
      this.warden.watch(transport),
      transport.subscribe({ disconnected: (peer) => this.#members.observe({ type: 'disconnected', peer }) }),
      every(clock, limit('heartbeatMs'), () => this.#beat()),
      every(clock, RECONNECT_MS, () => this.#dialler.tick()),
      every(clock, CARD_MS, () => this.refreshCard()),
    )
    this.#dialler.tick()
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop()
    for (const member of this.#members.all()) member.link.close()
    await this.#init.transport.stop()
  }

  /** Admitted peers, this node not among them. */
  members(): readonly Member[] {
    return this.#members.all()
  }

  /** Our card as it was last signed. */
  card(): NodeCard {
    return this.#card.current.value
  }

  /** Why hellos were refused lately, by peer. */
  refusedHellos(): ReadonlyMap<string, AividaError> {
    return this.#dialler.refused
  }

  /** How the swarm looks from here. */
  network(): NetworkView {
    const { cluster, seeds } = this.#init
    const members = this.#members.all()
    const [first] = members
    return {
      connected: members.length,
      reachable: members.length,
      known: cluster.roster.size - 1,
      ...(first && { carrier: first.carrier }),
      missing: [],
      seeds: seeds.map((seed) => {
        const refused = this.#dialler.refused.get(peerOfAddress(seed.address) ?? '')
        return { ...seed, ...(refused && { lastError: { code: refused.code, message: refused.message } }) }
      }),
    }
  }

  /** A way to reach a peer, learnt from a seed list, mDNS or another member. */
  noteAddress(address: string, seed = false): void {
    this.#dialler.note(address, seed)
  }

  /** Connects to a peer and says hello. Throws `peer.unreachable`, and what the gate refuses with. */
  async join(peer: string, options: StreamOptions = {}): Promise<void> {
    await this.#dialler.join(peer, options)
  }

  /** Signs our card anew and tells everybody: devices or addresses have changed. */
  refreshCard(): void {
    this.#card.renew()
    const { value, signed } = this.#card.current
    for (const member of this.#members.all()) this.#post(member, { type: 'card', card: signed })
    this.#members.listeners.card(this.self, value)
  }

  /** Passes charter updates on, and drops members that the charter no longer knows. */
  charterChanged(): void {
    const { charter } = this.#init.cluster
    for (const member of this.#members.all()) {
      this.#post(member, { type: 'charter', updates: charter.updates.slice(-CHARTER_TAIL) })
      if (!this.#isMember(member.peer)) this.#dismiss(member.peer)
    }
  }

  /** Tells everybody that this node leaves. */
  async sayGoodbye(leave: Signed): Promise<void> {
    await Promise.allSettled(this.members().map((member) => member.link.send({ type: 'leave', leave })))
  }

  async send(peer: string, message: ControlMessage, body: readonly Uint8Array[] = []): Promise<void> {
    if (peer === this.self) return queueMicrotask(() => this.#conversations.handle(peer, () => message, joined(body)))
    const member = this.#members.get(peer)
    if (!member) throw peerError('peer.not-connected', `${peer} is not connected`)
    await member.link.send(message, body)
  }

  accountOf(peer: string): string | undefined {
    return this.#init.cluster.roster.member(peer)?.account
  }

  on<T extends ControlMessage['type']>(type: T, handler: ControlHandler<T>): void {
    this.#conversations.on(type, handler)
  }

  async open(peer: string, protocol: string, options?: StreamOptions): Promise<Channel> {
    if (!this.#members.has(peer)) throw peerError('peer.not-connected', `${peer} is not connected`)
    return channel(await this.#init.transport.open(peer, protocol, options), { meter: this.warden.traffic })
  }

  serve(protocol: string, handler: (channel: Channel) => Promise<void>): void {
    this.#init.transport.handle(protocol, (stream) =>
      this.#judged(stream.peer, async () => {
        await this.#guard(stream.peer)
        await handler(channel(stream, { meter: this.warden.traffic, maxBodyBytes: limit('chunkBytes') }))
      }),
    )
  }

  subscribe(events: Partial<SwarmEvents>): () => void {
    const stop = this.#members.subscribe(events)
    events.card?.(this.self, this.#card.current.value)
    return stop
  }

  /** Only members get past hello; a peer whose hello is under way is waited for. */
  async #guard(peer: string): Promise<void> {
    await this.#greeter.settled(peer)
    if (!this.#members.has(peer))
      throw peerError('peer.not-admitted', `${peer} is not a member that said hello; only ${PROTOCOLS.hello} is open`)
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

  /** Members that fell silent are dialled anew once their connection is gone. */
  #wants(peer: string): boolean {
    const member = this.#members.get(peer)
    if (!member) return true
    const connected = this.#init.transport.connections().some((connection) => connection.peer === peer)
    return member.state === 'suspect' && !connected
  }

  #admit({ member: { node: peer, role }, connection: { carrier, address }, software, card }: Greeting): void {
    const { clock, transport, logger } = this.#init
    this.warden.admit(peer)
    const known = this.#members.get(peer)
    known?.link.retire()
    const member: Member = {
      peer,
      role,
      software,
      link: new ControlLink(peer, transport, this.warden.traffic),
      carrier,
      address,
      card: known?.card,
      state: 'alive',
      heardMs: clock.monoMs(),
      refusals: known?.refusals ?? {},
    }
    this.#members.admit(member)
    logger.info({ peer, carrier, address, software }, 'a member is here')
    if (card) this.#learnCard(member, card)
    if (known) this.#members.listeners.tell('alive', peer)
  }

  #isMember(peer: string): boolean {
    return this.#init.cluster.roster.member(peer) !== undefined
  }

  #hear(member: Member, message: ControlMessage): void {
    switch (message.type) {
      case 'heartbeat':
        member.refusals = message.refusals
        return
      case 'card':
        this.#learnCard(member, message.card)
        return
      case 'charter':
        void this.#learnUpdates(member, message.updates)
        return
      case 'leave':
        void this.#letGo(member, message.leave)
        return
      default: // what jobs say to each other is for their handlers
    }
  }

  #learnCard(member: Member, signed: Signed): void {
    const { value, by } = openDocument(nodeCardCodec, signed)
    if (value.node !== member.peer || peerIdOf(by) !== member.peer)
      throw peerError('card.signer', `${member.peer} sent a card of ${value.node}, signed by ${peerIdOf(by)}`)
    if ((member.card?.sequence ?? -1) >= value.sequence) return
    member.card = value
    this.#book.note(member.peer, value.addresses)
    this.#members.listeners.card(member.peer, value)
  }

  async #learnUpdates(member: Member, updates: readonly Signed[]): Promise<void> {
    const { cluster } = this.#init
    const { length } = cluster.charter.updates
    try {
      await cluster.learnUpdates(updates)
      if (cluster.charter.updates.length > length) this.charterChanged()
    } catch (error) {
      if (isAividaError(error, 'charter.gap'))
        await this.join(member.peer).catch(() => {}) // a hello brings them all
      else this.#conversations.offended(member.peer, error)
    }
  }

  async #letGo(member: Member, leave: Signed): Promise<void> {
    try {
      await this.#init.cluster.remove(leave)
      if (!this.#isMember(member.peer)) this.#dismiss(member.peer)
    } catch (error) {
      this.#conversations.offended(member.peer, error)
    }
  }

  #beat(): void {
    this.#heartbeats++
    for (const member of this.#members.all())
      this.#post(member, {
        type: 'heartbeat',
        sequence: this.#heartbeats,
        cardSequence: this.#card.sequence,
        refusals: this.#init.refusalsOf(member.peer),
      })
    this.#members.observe({ type: 'tick' })
  }

  /** Drops a peer that is no member any more. */
  #dismiss(peer: string): void {
    this.#book.forget(peer)
    this.#members.drop(peer)
  }

  /** Ends what a peer has here, be it a member or a stranger. */
  #showOut(peer: string): void {
    this.#members.drop(peer)
    this.#init.transport.disconnect(peer).catch(() => {}) // it may be gone already
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
