/** The transport in memory: the seam for tests and for the simulator, where all timing is the injected clock's. */
import { type Clock, limit, type Random } from '../../../base/index.ts'
import type { Gate, PeerId, Transport } from '../transport.ts'
import { OrderedRoute, type Route } from './route.ts'
import { MemoryTransport } from './transport.ts'

export type { Route } from './route.ts'

/** What a network in memory is made from. */
export interface MemoryNetworkInit {
  readonly clock: Clock
  readonly random: Random
  /** One-way delay in ms: fixed, or drawn evenly from a range. Default: 0. */
  readonly latencyMs?: number | readonly [min: number, max: number]
  /** Bytes a stream takes in before its reader reads. Default: 256 KiB. */
  readonly windowBytes?: number
  /** Silence after which a connection is given up, as QUIC does. Default: {@link LIMITS.lostAfterMs}. */
  readonly idleMs?: number
  /** What leads from one peer to another, for a simulator that brings its own. Default: an {@link OrderedRoute}. */
  readonly route?: (from: PeerId, to: PeerId) => Route
}

/** A network of nodes in one process. */
export interface MemoryNetwork {
  /** A transport for this peer, not started; it takes the place of an earlier one. */
  transport(peer: PeerId, options?: { readonly gate?: Gate }): Transport
  /**
   * Nothing passes between the two, either way, until {@link heal}; what is sent waits, as it does with QUIC. For the
   * routes of this network only.
   */
  cut(a: PeerId, b: PeerId): void
  heal(a: PeerId, b: PeerId): void
  /** A node gives up its connections to a peer; what is underway to it on them is lost. */
  lose(node: PeerId, peer: PeerId): void
  /** The peer vanishes as a killed process does: others notice after the idle time. */
  kill(peer: PeerId): void
}

/** An empty network. */
export function memoryNetwork(init: MemoryNetworkInit): MemoryNetwork {
  const { clock, random, latencyMs = 0, windowBytes = 256 * 1024, idleMs = limit('lostAfterMs') } = init
  const [min, max] = typeof latencyMs === 'number' ? [latencyMs, latencyMs] : latencyMs
  const transports = new Map<PeerId, MemoryTransport>()
  const routes = new Map<string, OrderedRoute>()

  const route = (from: PeerId, to: PeerId): OrderedRoute => {
    const key = `${from} ${to}`
    const known = routes.get(key) ?? new OrderedRoute(clock, () => min + (max - min) * random.float())
    routes.set(key, known)
    return known
  }
  const fabric = { clock, windowBytes, route: init.route ?? route, find: (peer: PeerId) => transports.get(peer) }
  const giveUps = new Map<string, () => void>() // by cut pair: calls off the end of its connections
  const pair = (a: PeerId, b: PeerId) => [a, b].sort().join(' ')
  const setCut = (a: PeerId, b: PeerId, cut: boolean) => {
    route(a, b).setCut(cut)
    route(b, a).setCut(cut)
    giveUps.get(pair(a, b))?.()
    giveUps.delete(pair(a, b))
  }

  return {
    transport(peer, { gate = () => true } = {}) {
      const transport = new MemoryTransport(peer, fabric, gate)
      transports.set(peer, transport)
      return transport
    },
    cut(a, b) {
      setCut(a, b, true)
      const giveUp = () => {
        transports.get(a)?.lose(b)
        transports.get(b)?.lose(a)
      }
      giveUps.set(pair(a, b), clock.after(idleMs, giveUp))
    },
    heal: (a, b) => setCut(a, b, false),
    lose: (node, peer) => transports.get(node)?.lose(peer),
    kill(peer) {
      const connections = transports.get(peer)?.kill() ?? []
      clock.after(idleMs, () => {
        for (const connection of connections) connection.other?.lose()
      })
    },
  }
}
