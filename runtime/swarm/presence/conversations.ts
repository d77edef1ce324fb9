import { type Clock, type Logger, limit, peerError, sleep, toAividaError } from '../../base/index.ts'
import { type ControlMessage, controlMessageCodec } from '../../protocol/index.ts'
import type { Warden } from '../conduct/index.ts'
import type { ControlHandler } from '../swarm.ts'
import type { ByteStream } from '../transport/transport.ts'
import { channel } from '../wire/index.ts'
import type { Member } from './member.ts'
import type { MemberTable } from './member-table.ts'

/** What {@link Conversations} are made from. */
export interface ConversationsInit {
  readonly members: MemberTable
  readonly warden: Warden
  readonly clock: Clock
  readonly logger: Logger
  /** Hears what members say to the swarm itself, before the handlers do. What it throws is the sender's offence. */
  readonly hear: (member: Member, message: ControlMessage) => void
}

/** What is said: reads the control streams of members, passes each message on, and keeps count of broken ones. */
export class Conversations {
  readonly #init: ConversationsInit
  readonly #handlers = new Map<ControlMessage['type'], ControlHandler<ControlMessage['type']>>()

  constructor(init: ConversationsInit) {
    this.#init = init
  }

  /** Registers the one handler of a kind of message. */
  on<T extends ControlMessage['type']>(type: T, handler: ControlHandler<T>): void {
    this.#handlers.set(type, handler as unknown as ControlHandler<ControlMessage['type']>)
  }

  /** Reads a member's control stream to its end. */
  async read(stream: ByteStream): Promise<void> {
    const { members, clock, warden } = this.#init
    const { peer } = stream
    const incoming = channel(stream, { meter: warden.traffic, maxBodyBytes: limit('controlBodyBytes') })
    for (;;) {
      const frame = await incoming.receive()
      if (!frame) return incoming.end()
      members.observe({ type: 'heard', peer })
      const member = members.get(peer)
      if (!member) throw peerError('peer.not-admitted', `${peer} is no longer a member`)
      member.heardMs = clock.monoMs()
      this.handle(peer, () => controlMessageCodec.decode(frame.header), frame.body)
      const waitMs = warden.workWaitMs(peer, frame.header.byteLength, frame.body.byteLength)
      if (waitMs > 0) await sleep(clock, waitMs) // its own flow control then holds the peer back
    }
  }

  /** Takes one message; this node's own to itself come here directly. */
  handle(peer: string, decode: () => ControlMessage, body: Uint8Array): void {
    const member = this.#init.members.get(peer)
    try {
      const message = decode()
      if (member) this.#init.warden.assertNoFlood(peer, message.type)
      if (member) this.#init.hear(member, message)
      this.#handlers.get(message.type)?.(peer, message, body)
    } catch (error) {
      this.offended(peer, error)
    }
  }

  /** A message that breaks the protocol is its sender's offence; one that we fail on costs that message, not the node. */
  offended(peer: string, error: unknown): void {
    const known = toAividaError(error)
    const { code, category, message } = known
    if (category === 'peer') this.#init.warden.judge(peer, known)
    else this.#init.logger.error({ peer, code, message }, 'a message could not be dealt with')
  }
}
