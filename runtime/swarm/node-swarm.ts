import {
  type AividaError,
  type Clock,
  deadline,
  every,
  isAividaError,
  type Logger,
  limit,
  peerError,
  toAividaError,
} from '../base/index.ts'
import {
  type ControlMessage,
  controlMessageCodec,
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
import { AddressBook, peerOfAddress } from './membership/address-book.ts'
import { ControlLink } from './membership/control-link.ts'
import { Greeter, type Greeting } from './membership/greeter.ts'
import { initialLiveness, type LivenessEvent, observe } from './membership/liveness.ts'
import type { Member } from './membership/member.ts'
import { isBrokenFrame, Offences } from './membership/offences.ts'
import { CARD_MS, type CardContent, OwnCard } from './membership/own-card.ts'
import { SwarmListeners } from './membership/swarm-listeners.ts'
import type { ControlHandler, Swarm, SwarmEvents } from './swarm.ts'
import type { ByteStream, StreamOptions, Transport } from './transport/transport.ts'
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
  /** Addresses of nodes to begin with. */
  readonly seeds: readonly string[]
}

const RECONNECT_MS = 1_000
/** Dials under way at once. */
const DIALS = 8
/** Peers whose refusal is remembered. */
const REFUSED = 64
/** Charter updates passed on at once; a peer that lacks more says hello again. */
const CHARTER_TAIL = 256

/** The swarm of a real node: says hello, keeps control links and heartbeats, suspects and loses members. */
export class NodeSwarm implements Swarm {
  readonly self: string
  readonly #init: NodeSwarmInit
  readonly #members = new Map<string, Member>()
  readonly #book = new AddressBook()
  readonly #liveness = initialLiveness({ suspectAfterMs: limit('suspectAfterMs'), lostAfterMs: limit('lostAfterMs') })
  readonly #handlers = new Map<ControlMessage['type'], ControlHandler<ControlMessage['type']>>()
  readonly #listeners = new SwarmListeners()
  readonly #offences = new Offences()
  readonly #stops: (() => void)[] = []
  /** Why the last hello to a peer was refused. */
  readonly #refused = new Map<string, AividaError>()
  readonly #card: OwnCard
  readonly #greeter: Greeter
  #heartbeats = 0
  #dials = 0

  constructor(init: NodeSwarmInit) {
    this.#init = init
    this.self = init.transport.peer
    this.#card = new OwnCard(init)
    const { transport, cluster, door, clock } = init
    this.#greeter = new Greeter({
      transport,
      cluster,
      door,
      clock,
      card: this.#card,
      book: this.#book,
      admit: (greeting) => this.#admit(greeting),
    })
    for (const address of init.seeds) this.noteAddress(address, true)
  }

  async start(): Promise<void> {
    const { transport, clock } = this.#init
    transport.handle(PROTOCOLS.hello, (stream) => this.#greeter.answer(stream))
    transport.handle(PROTOCOLS.control, (stream) => this.#control(stream))
    await transport.start()
    this.refreshCard()
    this.#stops.push(
      transport.subscribe({ disconnected: (peer) => this.#observe({ type: 'disconnected', peer }) }),
      every(clock, limit('heartbeatMs'), () => this.#beat()),
      every(clock, RECONNECT_MS, () => this.#reconnect()),
      every(clock, CARD_MS, () => this.refreshCard()),
    )
    this.#reconnect()
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop()
    for (const member of this.#members.values()) member.link.close()
    await this.#init.transport.stop()
  }

  /** Admitted peers, this node not among them. */
  members(): readonly Member[] {
    return [...this.#members.values()]
  }

  /** Our card as it was last signed. */
  card(): NodeCard {
    return this.#card.current.value
  }

  /** Why hellos were refused lately, by peer. */
  refusedHellos(): ReadonlyMap<string, AividaError> {
    return this.#refused
  }

  /** A way to reach a peer, learnt from a seed list, mDNS or another member. */
  noteAddress(address: string, seed = false): void {
    const peer = peerOfAddress(address)
    if (peer !== undefined && peer !== this.self)
      this.#book.note(peer, [...new Set([...this.#book.addresses(peer), address])].slice(-16), seed)
  }

  /** Connects to a peer and says hello. Throws `peer.unreachable`, and what the gate refuses with. */
  async join(peer: string, options: StreamOptions = {}): Promise<void> {
    const { transport, clock, cluster } = this.#init
    const known = cluster.charter.updates.length
    try {
      await this.#greeter.greet(await transport.connect(this.#book.addresses(peer), options), options)
      this.#book.reached(peer)
      this.#refused.delete(peer)
    } catch (error) {
      this.#book.failed(peer, clock.monoMs())
      this.#refused.set(peer, toAividaError(error))
      if (this.#refused.size > REFUSED) this.#refused.delete(this.#refused.keys().next().value as string)
      throw error
    }
    if (cluster.charter.updates.length > known) this.charterChanged()
  }

  /** Signs our card anew and tells everybody: devices or addresses have changed. */
  refreshCard(): void {
    this.#card.renew()
    const { value, signed } = this.#card.current
    for (const member of this.#members.values()) this.#post(member, { type: 'card', card: signed })
    this.#listeners.card(this.self, value)
  }

  /** Passes charter updates on, and drops members that the charter no longer knows. */
  charterChanged(): void {
    const { charter } = this.#init.cluster
    for (const member of [...this.#members.values()]) {
      this.#post(member, { type: 'charter', updates: charter.updates.slice(-CHARTER_TAIL) })
      if (!this.#isMember(member.peer)) this.#dismiss(member.peer)
    }
  }

  /** Tells everybody that this node leaves. */
  async sayGoodbye(leave: Signed): Promise<void> {
    await Promise.allSettled(this.members().map((member) => member.link.send({ type: 'leave', leave })))
  }

  async send(peer: string, message: ControlMessage, body: readonly Uint8Array[] = []): Promise<void> {
    if (peer === this.self) return queueMicrotask(() => this.#handle(peer, () => message, joined(body)))
    const member = this.#members.get(peer)
    if (!member) throw peerError('peer.not-connected', `${peer} is not connected`)
    await member.link.send(message, body)
  }

  on<T extends ControlMessage['type']>(type: T, handler: ControlHandler<T>): void {
    this.#handlers.set(type, handler as unknown as ControlHandler<ControlMessage['type']>)
  }

  async open(peer: string, protocol: string, options?: StreamOptions): Promise<Channel> {
    if (!this.#members.has(peer)) throw peerError('peer.not-connected', `${peer} is not connected`)
    return channel(await this.#init.transport.open(peer, protocol, options))
  }

  serve(protocol: string, handler: (channel: Channel) => Promise<void>): void {
    this.#init.transport.handle(protocol, async (stream) => {
      await this.#guard(stream.peer)
      await handler(channel(stream))
    })
  }

  subscribe(events: Partial<SwarmEvents>): () => void {
    const stop = this.#listeners.add(events)
    for (const { peer, card } of this.#members.values()) if (card) events.card?.(peer, card)
    events.card?.(this.self, this.#card.current.value)
    return stop
  }

  /** Only members get past hello; a peer whose hello is under way is waited for. */
  async #guard(peer: string): Promise<void> {
    await this.#greeter.settled(peer)
    if (!this.#members.has(peer))
      throw peerError('peer.not-admitted', `${peer} is not a member that said hello; only ${PROTOCOLS.hello} is open`)
  }

  #admit({ member: { node: peer, role }, connection: { carrier, address }, software, card }: Greeting): void {
    this.#offences.assertLetIn(peer, this.#init.clock.monoMs())
    const known = this.#members.get(peer)
    known?.link.retire()
    const member: Member = {
      peer,
      role,
      software,
      link: new ControlLink(peer, this.#init.transport),
      carrier,
      address,
      card: known?.card,
      state: 'alive',
      heardMs: this.#init.clock.monoMs(),
      refusals: known?.refusals ?? {},
    }
    this.#members.set(peer, member)
    this.#observe({ type: 'joined', peer })
    this.#init.logger.info({ peer, carrier, address, software }, 'a member is here')
    if (card) this.#learnCard(member, card)
    if (known) this.#listeners.tell('alive', peer)
  }

  #isMember(peer: string): boolean {
    return this.#init.cluster.roster.member(peer) !== undefined
  }

  async #control(stream: ByteStream): Promise<void> {
    const { peer } = stream
    await this.#guard(peer)
    const incoming = channel(stream)
    for (;;) {
      const frame = await incoming.receive().catch((error) => {
        if (isBrokenFrame(error)) this.#offended(peer, error)
        throw error
      })
      if (!frame) return incoming.end()
      this.#observe({ type: 'heard', peer })
      const member = this.#members.get(peer)
      if (!member) throw peerError('peer.not-admitted', `${peer} is no longer a member`)
      member.heardMs = this.#init.clock.monoMs()
      this.#handle(peer, () => controlMessageCodec.decode(frame.header), frame.body)
    }
  }

  #handle(peer: string, decode: () => ControlMessage, body: Uint8Array): void {
    const member = this.#members.get(peer)
    try {
      const message = decode()
      if (member) this.#hear(member, message)
      this.#handlers.get(message.type)?.(peer, message, body)
    } catch (error) {
      this.#offended(peer, error)
    }
  }

  /** A message that breaks the protocol is its sender's offence; one that we fail on costs that message, not the node. */
  #offended(peer: string, error: unknown): void {
    const { code, category, message } = toAividaError(error)
    const { logger, clock } = this.#init
    if (category !== 'peer') {
      logger.error({ peer, code, message }, 'a message could not be dealt with')
      return
    }
    logger.warn({ peer, code, message }, 'a peer broke the protocol')
    if (this.#members.has(peer) && this.#offences.note(peer, clock.monoMs())) this.#drop(peer)
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
      else this.#offended(member.peer, error)
    }
  }

  async #letGo(member: Member, leave: Signed): Promise<void> {
    try {
      await this.#init.cluster.remove(leave)
      if (!this.#isMember(member.peer)) this.#dismiss(member.peer)
    } catch (error) {
      this.#offended(member.peer, error)
    }
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
    this.#listeners.card(member.peer, value)
  }

  #beat(): void {
    this.#heartbeats++
    for (const member of this.#members.values())
      this.#post(member, {
        type: 'heartbeat',
        sequence: this.#heartbeats,
        cardSequence: this.#card.sequence,
        refusals: this.#init.refusalsOf(member.peer),
      })
    this.#observe({ type: 'tick' })
  }

  #observe(event: LivenessEvent): void {
    for (const { type, peer } of observe(this.#liveness, event, this.#init.clock.monoMs())) {
      const member = this.#members.get(peer)
      this.#init.logger.info({ peer }, `a member is ${type}`)
      if (type === 'lost') this.#drop(peer)
      else if (member) {
        member.state = type
        this.#listeners.tell(type, peer)
      }
    }
  }

  /** Drops a peer that is no member any more. */
  #dismiss(peer: string): void {
    this.#book.forget(peer)
    this.#drop(peer)
  }

  #drop(peer: string): void {
    const member = this.#members.get(peer)
    if (!member) return
    this.#members.delete(peer)
    member.link.close()
    observe(this.#liveness, { type: 'left', peer }, this.#init.clock.monoMs())
    this.#init.transport.disconnect(peer).catch(() => {}) // it may be gone already
    this.#listeners.tell('lost', peer)
  }

  #reconnect(): void {
    for (const peer of this.#book.due(this.#init.clock.monoMs())) {
      if (this.#dials >= DIALS) return
      const member = this.#members.get(peer)
      const connected = this.#init.transport.connections().some((connection) => connection.peer === peer)
      if (this.#greeter.isGreeting(peer) || (member && (member.state === 'alive' || connected))) continue
      this.#dials++
      this.join(peer, { signal: deadline(this.#init.clock, limit('dialMs')) })
        .catch((error) => this.#init.logger.debug({ peer, error: toAividaError(error).code }, 'a peer was not reached'))
        .finally(() => {
          this.#dials--
        })
    }
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
