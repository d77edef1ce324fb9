import { noise } from '@chainsafe/libp2p-noise'
import type {
  Connection,
  PeerId as LibP2PPeerId,
  Libp2p,
  MultiaddrConnection,
  PrivateKey,
  StreamMuxerFactory,
} from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { limit } from '../../../base/index.ts'
import type { ConnectionGuard } from './guard.ts'
import type { QuicBinding } from './quic/binding.ts'
import { quic } from './quic/transport.ts'

/** What is used of libp2p's transport manager: dialling one address, without its queue and its address book. */
export interface Dialler {
  dial(address: Multiaddr, signal: AbortSignal): Promise<Connection>
  listening(): Multiaddr[]
  /** The addresses of each listener, those of one transport in the order they were asked for. */
  listeners(): Multiaddr[][]
}

/** The libp2p node under the transport. */
export type Node = Libp2p<{ dialler: Dialler }>

/** What a node is made from; a carrier that is not given is not used. */
export interface NodeInit {
  readonly privateKey: PrivateKey
  readonly listen: readonly string[]
  readonly quic: QuicBinding | undefined
  readonly tcp: boolean
  readonly guard: ConnectionGuard
}

/** A libp2p node that is not started: transports, encryption and multiplexing, none of its discovery. */
export function createNode(init: NodeInit): Promise<Node> {
  const deniesInbound = (peer: LibP2PPeerId, { remoteAddr }: MultiaddrConnection) =>
    !init.guard.admits(peer.toString(), remoteAddr.toString())
  const deniesOutbound = (peer: LibP2PPeerId) => !init.guard.admits(peer.toString())
  return createLibp2p({
    start: false,
    privateKey: init.privateKey,
    addresses: { listen: [...init.listen] },
    transports: [...(init.quic ? [quic(init.quic, init.guard)] : []), ...(init.tcp ? [tcp()] : [])],
    connectionEncrypters: [noise()],
    streamMuxers: [muxer],
    connectionManager: {
      maxConnections: limit('peers'),
      inboundConnectionThreshold: limit('inboundPerSecond'),
      maxIncomingPendingConnections: limit('handshakes'),
    },
    connectionMonitor: { enabled: false }, // the swarm's heartbeats decide who is lost
    connectionGater: { denyInboundEncryptedConnection: deniesInbound, denyOutboundEncryptedConnection: deniesOutbound },
    services: {
      dialler: ({ transportManager }) => ({
        dial: (address, signal) => transportManager.dial(address, { signal }),
        listening: () => transportManager.getAddrs(),
        listeners: () => transportManager.getListeners().map((listener) => listener.getAddrs()),
      }),
    },
  })
}

/** Yamux that ends the connection, as QUIC does, rather than resetting each stream, when a connection is aborted. */
function muxer(): StreamMuxerFactory {
  const factory = yamux({
    maxInboundStreams: 2 * limit('streamsPerPeer'),
    maxEarlyStreams: 2 * limit('streamsPerPeer'),
    streamOptions: {
      maxStreamWindowSize: limit('streamWindowBytes'),
      maxReadBufferLength: 2 * limit('streamWindowBytes'), // it aborts a stream above it, so the window must bind
    },
  })()
  return {
    protocol: factory.protocol,
    createStreamMuxer(connection) {
      const created = factory.createStreamMuxer(connection)
      created.abort = (error) => connection.abort(error)
      return created
    },
  }
}
