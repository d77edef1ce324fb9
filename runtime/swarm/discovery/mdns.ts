import { type ComponentLogger, start, stop } from '@libp2p/interface'
import { type MulticastDNSComponents, mdns } from '@libp2p/mdns'
import { multiaddr } from '@multiformats/multiaddr'
import type { Logger } from '../../base/index.ts'
import type { PeerId } from '../transport/transport.ts'

/** What {@link mdnsDiscovery} is made from. */
export interface MdnsInit {
  readonly peer: PeerId
  /** The addresses to answer with, asked anew each time; only private ones are told. */
  addresses(): readonly string[]
  /**
   * A peer answered; called at each answer, whoever it is. What it says is unproven: dialling it proves the peer, hello
   * the cluster. Addresses end in `/p2p/<peer>`.
   */
  onPeer(peer: PeerId, addresses: readonly string[]): void
  readonly logger: Logger
  /** Milliseconds between questions to the network. Default: 10 s. */
  readonly intervalMs?: number
  /** UDP port; other than 5353 only for tests. */
  readonly port?: number
}

/** Finds nodes on the local network by multicast DNS (libp2p's mDNS discovery, RFC 6762), and is found by them. */
export interface MdnsDiscovery {
  /** A network that carries no multicast is not an error: then nobody is found. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** See {@link MdnsDiscovery}. */
export function mdnsDiscovery(init: MdnsInit): MdnsDiscovery {
  const { peer, addresses, onPeer, logger, intervalMs = 10_000, port } = init
  const service = mdns({
    peerName: peer,
    serviceTag: SERVICE,
    interval: intervalMs,
    ...(port !== undefined && { port }),
  })
  const addressManager = { getAddresses: () => addresses().map((address) => multiaddr(address)) }
  const discovery = service({
    addressManager: addressManager as unknown as MulticastDNSComponents['addressManager'], // it uses only this of it
    logger: difficultiesTo(logger),
  })
  discovery.addEventListener('peer', ({ detail: { id, multiaddrs } }) => {
    const found = id.toString()
    if (found !== peer)
      onPeer(
        found,
        multiaddrs.map((address) => `${address}/p2p/${found}`),
      )
  })
  return {
    start: () => start(discovery),
    stop: () => stop(discovery),
  }
}

/** Apart from other libp2p applications on the same network, whose nodes could not answer our hello. */
const SERVICE = '_aivida._udp.local'

function difficultiesTo(logger: Logger): ComponentLogger {
  const error = (what: string, ...details: unknown[]) =>
    logger.debug({ what, details: details.map(String) }, 'mDNS met a difficulty')
  const log = Object.assign(() => {}, { error, trace() {}, enabled: false, newScope: () => log })
  return { forComponent: () => log }
}
