import { randomBytes } from 'node:crypto'
import { silentLogger } from '../../../runtime/base/index.ts'
import { type LibP2PTransportInit, libp2pTransport } from '../../../runtime/swarm/transport/libp2p/index.ts'
import type { TransportFixture } from '../../conformance/transport.ts'

/** What a node on loopback needs at least. */
export function onLoopback(): Pick<LibP2PTransportInit, 'seed' | 'listen' | 'logger'> {
  return {
    seed: randomBytes(32),
    listen: ['/ip4/127.0.0.1/udp/0/quic-v1', '/ip4/127.0.0.1/tcp/0'],
    logger: silentLogger,
  }
}

/** The libp2p adapter on loopback, over its first carrier. */
export function libp2pFixture(init: Partial<LibP2PTransportInit>): TransportFixture {
  const carrier = init.carriers?.[0] ?? 'quic'
  return {
    carrier,
    refusesAtOnce: carrier === 'tcp',
    create: (options) => libp2pTransport({ ...onLoopback(), ...init, ...options }),
  }
}
