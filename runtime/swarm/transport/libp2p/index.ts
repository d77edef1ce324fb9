/**
 * The transport over libp2p: QUIC first, TCP + Noise + Yamux as the fallback that is said aloud. Kept out of the
 * folder above because loading libp2p takes a while, which the simulator need not wait for.
 */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Clock, type Logger, limit, systemClock, userError } from '../../../base/index.ts'
import type { Gate, PeerId, Transport } from '../transport.ts'
import { carrierOf, type LibP2PCarrier, parseAddresses } from './dial.ts'
import type { KeptPorts } from './listening.ts'
import { createNode } from './node.ts'
import { type BindingSource, loadQuicBinding } from './quic/binding.ts'
import { LibP2PTransport } from './transport.ts'

export type { LibP2PCarrier } from './dial.ts'
export type { KeptPorts } from './listening.ts'

/** What {@link libp2pTransport} is made from. */
export interface LibP2PTransportInit {
  /** The 32 bytes behind the node's Ed25519 key (RFC 8032 section 5.1.5). */
  readonly seed: Uint8Array
  /** Multiaddresses to listen at, such as `/ip4/0.0.0.0/udp/0/quic-v1` and `/ip4/0.0.0.0/tcp/0`. */
  readonly listen: readonly string[]
  /** Which ports to try again where `listen` leaves the choice to the system. Default: none, any free one. */
  readonly ports?: KeptPorts
  /** Addresses to tell others instead of those listened at; needed behind a router. Default: none. */
  readonly announce?: readonly string[]
  /** Carriers in order of preference; one left out is not used. Default: QUIC, then TCP. */
  readonly carriers?: readonly LibP2PCarrier[]
  /** Whether connections with this peer are admitted, either way. Default: all are. */
  readonly gate?: Gate
  /** Streams that a peer may have open here at once. Default: {@link LIMITS.streamsPerPeer}. */
  readonly streamsOf?: (peer: PeerId) => number
  readonly logger: Logger
  /** Default: {@link systemClock}. */
  readonly clock?: Clock
  /** Where to look for the native QUIC binding. Default: our own dependency, then the wrapper package's. */
  readonly quicBinding?: readonly BindingSource[]
}

/** A transport over libp2p, not started. Throws `transport.no-carrier` when nothing is left to use. */
export async function libp2pTransport(init: LibP2PTransportInit): Promise<Transport> {
  const wanted = init.carriers ?? ['quic', 'tcp']
  const quic = wanted.includes('quic') ? loadQuicBinding(init.quicBinding) : undefined
  const binding = quic && 'binding' in quic ? quic.binding : undefined
  if (quic && 'reason' in quic)
    init.logger.warn({ reason: quic.reason }, 'QUIC is not available on this machine: only TCP is used')
  const carriers = wanted.filter((carrier) => carrier !== 'quic' || binding)
  if (carriers.length === 0)
    throw userError('transport.no-carrier', 'QUIC is not available on this machine and TCP is not allowed; allow TCP')

  const privateKey = await generateKeyPairFromSeed('Ed25519', init.seed)
  const gate = init.gate ?? (() => true)
  const streamsOf = init.streamsOf ?? (() => limit('streamsPerPeer'))
  const listen = parseAddresses(init.listen)
    .filter((address) => carriers.some((carrier) => carrier === carrierOf(address)))
    .map(String)
  return new LibP2PTransport({
    peer: peerIdFromPrivateKey(privateKey).toString(),
    listen,
    ports: init.ports,
    announce: init.announce ?? [],
    carriers,
    logger: init.logger,
    clock: init.clock ?? systemClock,
    gate,
    streamsOf,
    node: (guard, at) => createNode({ privateKey, listen: at, quic: binding, tcp: carriers.includes('tcp'), guard }),
  })
}
