import type { PeerId } from '../transport/transport.ts'

/** What a way of finding peers is told, and tells. */
export interface DiscoveryHost {
  readonly peer: PeerId
  /** The addresses to be found at, asked anew each time. */
  addresses(): readonly string[]
  /**
   * A peer was found; called as often as it is. What is said of it is unproven: dialling it proves the peer, hello the
   * cluster. Addresses end in `/p2p/<peer>`.
   */
  onPeer(peer: PeerId, addresses: readonly string[]): void
}

/** The port for ways of finding peers beyond seeds and gossip: multicast DNS today, a DHT or relays another day. */
export interface Discovery {
  /** A network on which this way finds nobody is not an error. */
  start(host: DiscoveryHost): Promise<void>
  stop(): Promise<void>
}
