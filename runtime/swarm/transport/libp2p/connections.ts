import type { Connection } from '@libp2p/interface'
import { Listeners } from '../listeners.ts'
import type { PeerConnection, PeerId } from '../transport.ts'
import { carrierOf } from './dial.ts'

/** The live connections by peer, oldest first. */
export class ConnectionTable {
  readonly listeners = new Listeners()
  readonly #byPeer = new Map<PeerId, Connection[]>()

  add(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const known = this.#byPeer.get(peer)
    if (known) known.push(connection)
    else {
      this.#byPeer.set(peer, [connection])
      this.listeners.connected(describe(connection))
    }
  }

  remove(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const known = this.#byPeer.get(peer)
    const left = known?.filter((other) => other !== connection)
    if (!known || !left || left.length === known.length) return
    if (left.length > 0) this.#byPeer.set(peer, left)
    else {
      this.#byPeer.delete(peer)
      this.listeners.disconnected(peer)
    }
  }

  /** A peer that came back may have left an older connection whose loss is not noticed yet, so the newest counts. */
  newest(peer: PeerId): Connection | undefined {
    return this.#byPeer.get(peer)?.findLast((connection) => connection.status === 'open')
  }

  of(peer: PeerId): readonly Connection[] {
    return this.#byPeer.get(peer) ?? []
  }

  all(): Connection[] {
    return [...this.#byPeer.values()].flat()
  }

  /** How many streams are open with the peer, all its connections together. */
  countStreams(peer: PeerId, direction: 'inbound' | 'outbound'): number {
    const streams = this.of(peer).flatMap((connection) => connection.streams)
    return streams.filter((stream) => stream.direction === direction).length
  }
}

/** A connection as the port shows it. */
export function describe(connection: Connection): PeerConnection {
  return {
    peer: connection.remotePeer.toString(),
    carrier: carrierOf(connection.remoteAddr) ?? 'tcp',
    direction: connection.direction,
    address: connection.remoteAddr.toString(),
  }
}
