import { type ComponentLogger, start, stop } from '@libp2p/interface'
import { type MulticastDNSComponents, mdns } from '@libp2p/mdns'
import { multiaddr } from '@multiformats/multiaddr'
import type { Logger } from '../../base/index.ts'
import type { Discovery, DiscoveryHost } from './discovery.ts'

/** What {@link mdnsDiscovery} is made from. */
export interface MdnsInit {
  readonly logger: Logger
  /** Milliseconds between questions to the network. Default: 10 s. */
  readonly intervalMs?: number
  /** UDP port; other than 5353 only for tests. */
  readonly port?: number
}

/**
 * Finds nodes on the local network by multicast DNS (libp2p's mDNS discovery, RFC 6762), and is found by them: only
 * private addresses are told. Where no multicast is carried nobody is found.
 */
export function mdnsDiscovery(init: MdnsInit): Discovery {
  let running: MulticastDNS | undefined
  return {
    async start(host) {
      running = multicast(init, host)
      await start(running)
    },
    async stop() {
      await stop(running)
      running = undefined
    },
  }
}

type MulticastDNS = ReturnType<ReturnType<typeof mdns>>

function multicast(
  { logger, intervalMs = 10_000, port }: MdnsInit,
  { peer, addresses, onPeer }: DiscoveryHost,
): MulticastDNS {
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
  return discovery
}

/** Apart from other libp2p applications on the same network, whose nodes could not answer our hello. */
const SERVICE = '_aivida._udp.local'

function difficultiesTo(logger: Logger): ComponentLogger {
  const error = (what: string, ...details: unknown[]) =>
    logger.debug({ what, details: details.map(String) }, 'mDNS met a difficulty')
  const log = Object.assign(() => {}, { error, trace() {}, enabled: false, newScope: () => log })
  return { forComponent: () => log }
}
