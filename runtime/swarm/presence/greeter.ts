import { type Clock, limit, peerError, timeLimit } from '../../base/index.ts'
import { type Hello, type HelloReply, PROTOCOLS, type Signed } from '../../protocol/index.ts'
import type { Cluster, Member as ClusterMember, Door } from '../charter/index.ts'
import type { Warden } from '../conduct/index.ts'
import type { ByteStream, PeerConnection, StreamOptions, Transport } from '../transport/transport.ts'
import { channel } from '../wire/index.ts'
import type { AddressBook } from './address-book.ts'
import { answerHello, PROTOCOL_VERSIONS, sayHello } from './hello.ts'
import type { OwnCard } from './own-card.ts'

/** What a hello taught about a member. */
export interface Greeting {
  readonly member: ClusterMember
  readonly connection: PeerConnection
  readonly software: string
  /** The newest protocol generation that both sides speak. */
  readonly version: number
  readonly card: Signed | undefined
}

/** What a {@link Greeter} is made from. */
export interface GreeterInit {
  readonly transport: Transport
  readonly cluster: Cluster
  readonly door: Door
  readonly clock: Clock
  readonly card: OwnCard
  readonly book: AddressBook
  readonly warden: Pick<Warden, 'judge'>
  /** Some members that are about, to tell a newcomer. */
  readonly others: (count: number) => { peer: string; addresses: string[] }[]
  /** Called for each member that was greeted, either way; on our side of the door before it hears so. */
  readonly admit: (greeting: Greeting) => void
  /** Called when a welcome brought charter updates, after {@link admit}. */
  readonly charterChanged: () => void
}

/** Other members named to a newcomer. */
const TOLD_PEERS = 32

/** Says hello to peers and answers theirs, one at a time with each. */
export class Greeter {
  readonly #init: GreeterInit
  readonly #underWay = new Map<string, Promise<void>>()

  constructor(init: GreeterInit) {
    this.#init = init
  }

  /** Whether a hello with this peer is under way. */
  isGreeting(peer: string): boolean {
    return this.#underWay.has(peer)
  }

  /** Resolves when no hello with this peer is under way; its failure is told where the hello was said. */
  async settled(peer: string): Promise<void> {
    await this.#underWay.get(peer)?.catch(() => {})
  }

  /** Says hello. Throws the refusal, `charter.*`, `membership.*`, `stream.*`. */
  greet(connection: PeerConnection, options: StreamOptions): Promise<void> {
    return this.#during(connection.peer, this.#greet(connection, options))
  }

  /** Answers a hello that came on this stream, within `helloMs`. */
  async answer(stream: ByteStream): Promise<void> {
    const { peer } = stream
    const limited = timeLimit(this.#init.clock, limit('helloMs'))
    const answer = async (): Promise<void> => {
      const judge = (hello: Hello) => this.#judge(peer, hello)
      const refusal = await answerHello(channel(stream, { maxBodyBytes: 0 }), judge, limited.signal)
      if (refusal) this.#init.warden.judge(peer, refusal)
    }
    await this.#during(peer, answer()).finally(() => limited.clear())
  }

  async #during(peer: string, greeting: Promise<void>): Promise<void> {
    this.#underWay.set(peer, greeting)
    try {
      await greeting
    } finally {
      if (this.#underWay.get(peer) === greeting) this.#underWay.delete(peer)
    }
  }

  async #greet(connection: PeerConnection, options: StreamOptions): Promise<void> {
    const { cluster, transport, card, book, admit, charterChanged } = this.#init
    const { peer } = connection
    const { updates, state } = cluster.charter
    const { value, signed } = card.current
    const hello: Hello = {
      versions: [...PROTOCOL_VERSIONS],
      software: value.software,
      cluster: state.cluster,
      membership: cluster.own.document,
      card: signed,
      charterLength: updates.length,
    }
    const reply = await sayHello(channel(await transport.open(peer, PROTOCOLS.hello, options)), hello, options.signal)
    const known = cluster.charter.updates.length
    const member = await cluster.takeWelcome(peer, reply)
    for (const other of reply.peers)
      if (other.peer !== transport.peer) for (const address of other.addresses) book.hint(other.peer, address)
    admit({ member, connection, software: reply.software, version: reply.version, card: reply.card })
    if (cluster.charter.updates.length > known) charterChanged()
  }

  async #judge(peer: string, hello: Hello): Promise<HelloReply> {
    const { cluster, door, transport, card, others, admit } = this.#init
    const answer = await door.hello(peer, hello)
    if (answer.outcome === 'refused') return answer
    if (answer.outcome === 'left') throw peerError('hello.left', `${peer} has left; goodbye`)
    const connection = transport.connections().find((known) => known.peer === peer)
    if (!connection) throw peerError('peer.not-connected', `${peer} hung up during its hello`)
    // A newcomer has no card yet: it says hello again once it is up. A member is admitted before the answer leaves, so
    // that its next stream finds the door open.
    const { member, version } = answer
    if (hello.card) admit({ member, connection, software: hello.software, version, card: hello.card })
    const { genesis, updates } = cluster.charter
    const { value, signed } = card.current
    return {
      outcome: 'welcome',
      version,
      software: value.software,
      membership: cluster.own.document,
      ...(answer.granted && { granted: answer.granted }),
      card: signed,
      genesis,
      updates: updates.slice(hello.membership ? hello.charterLength : 0),
      peers: others(TOLD_PEERS),
    }
  }
}
