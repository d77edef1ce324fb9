import type { AividaError } from '../base/index.ts'
import type { ControlMessage, ControlMessageOf, NetworkView, NodeCard } from '../protocol/index.ts'
import type { StreamOptions } from './transport/transport.ts'
import type { Channel } from './wire/index.ts'

/** What is heard about other members (and, for its own card, about this node). */
export interface SwarmEvents {
  /**
   * A member's card is new or changed, or it is back: it is here, and these are its devices. There need be no link to
   * it: one is made when something is sent.
   */
  card(peer: string, card: NodeCard): void
  /** Silent for `suspectAfterMs`: copy what it holds, revoke nothing. */
  suspect(peer: string): void
  alive(peer: string): void
  /** Gone: silent for `lostAfterMs`, not heard of for `farLostAfterMs`, out of reach, left, or removed. */
  lost(peer: string): void
  /** This node was cut off or is so no longer, or its clock went wrong or right again. */
  network(view: NetworkView): void
}

/** Takes one kind of control message from an admitted member. `body` holds the bytes that came with it. */
export type ControlHandler<T extends ControlMessage['type']> = (
  from: string,
  message: ControlMessageOf<T>,
  body: Uint8Array,
) => void

/**
 * What jobs and blobs see of the network: admitted members, control messages, and streams. A node is a member of its
 * own swarm, so a cluster of one takes the same path as any other.
 */
export interface Swarm {
  readonly self: string
  /**
   * Sends a control message (and bytes, in a body) to a member; resolves when it is on its way. Nothing is retried:
   * leases and suspicion deal with loss. A member without a link is dialled first. Throws `peer.not-connected` (no
   * member that is here), `peer.unreachable`, `peer.too-slow`.
   */
  send(peer: string, message: ControlMessage, body?: readonly Uint8Array[]): Promise<void>
  /** The account that a member's membership names, if any. */
  accountOf(peer: string): string | undefined
  /** Registers the one handler of a kind of message. */
  on<T extends ControlMessage['type']>(type: T, handler: ControlHandler<T>): void
  /** Opens a framed stream to a member, dialling it if need be. Throws `peer.not-connected`, `peer.unreachable`. */
  open(peer: string, protocol: string, options?: StreamOptions): Promise<Channel>
  /** Serves a protocol to members. */
  serve(protocol: string, handler: (channel: Channel) => Promise<void>): void
  /** Tells of what a peer did wrong, found by whoever used what it sent; too much of it, and the peer is kept out. */
  report(peer: string, error: AividaError): void
  /** Returns a function that stops listening. */
  subscribe(events: Partial<SwarmEvents>): () => void
}
