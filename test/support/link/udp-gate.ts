import { createSocket, type Socket } from 'node:dgram'
import type { LinkNetwork } from './network.ts'
import type { Timeline } from './timeline.ts'

/** How a node's outside port comes about. */
export interface NatTerms {
  /** Another outside port for each destination; else one for each socket of the node. */
  readonly perDestination: boolean
  /** A new outside port after this much silence. Milliseconds. */
  readonly idleMs: number
}

/** A node's place behind the proxy: where it listens, and where others reach it. */
export interface UdpPlace {
  readonly name: string
  /** The node's own port. */
  readonly port: number
  readonly front: Socket
}

interface Mapping {
  readonly outside: Socket
  usedMs: number
}

/** What the gate needs of the proxy. */
export interface UdpGateInit {
  readonly network: LinkNetwork
  readonly timeline: Timeline
  readonly nat: NatTerms
  /** The node that sends from this local port. */
  readonly ownerOf: (port: number) => string
}

/** What a mapping that has gone idle still lets through of what is on its way. */
const LINGER_MS = 5_000

/**
 * Carries datagrams. A node is reached at its front; what it sends comes out of an outside socket of its own, as behind
 * a NAT, so that answers to it pass through here too.
 */
export class UdpGate {
  readonly #init: UdpGateInit
  readonly #byPort = new Map<number, UdpPlace>()
  readonly #mappings = new Map<string, Mapping>()
  /** Sockets that some datagram on its way may still want to leave by. */
  readonly #closed = new WeakSet<Socket>()

  constructor(init: UdpGateInit) {
    this.#init = init
  }

  /** Opens a front for the node that will listen on `port`; resolves to the port of the front. */
  async place(name: string, port: number): Promise<number> {
    const front = open()
    front.bind(0, HOST) // at once, since no name is looked up
    const place = { name, port, front }
    front.on('message', (bytes, { port: source }) => this.#outbound(place, source, bytes))
    this.#byPort.set(port, place)
    return front.address().port
  }

  /** What comes to outside ports that were known until now reaches nobody any more. */
  rebind(): void {
    for (const { outside } of this.#mappings.values()) this.#close(outside)
    this.#mappings.clear()
  }

  /** How many outside ports there have been. */
  mappings = 0

  /** From a node's socket to another node. */
  #outbound(to: UdpPlace, source: number, bytes: Buffer): void {
    const { outside } = this.#mapping(source, to)
    this.#carry(this.#init.ownerOf(source), to.name, bytes, () => {
      if (!this.#closed.has(outside)) outside.send(bytes, to.port, HOST)
    })
  }

  /** The answer of `from` to a node's socket. */
  #inbound(from: UdpPlace | undefined, source: number, bytes: Buffer): void {
    if (from) this.#carry(from.name, this.#init.ownerOf(source), bytes, () => from.front.send(bytes, source, HOST))
  }

  #close(outside: Socket): void {
    if (this.#closed.has(outside)) return
    this.#closed.add(outside)
    outside.close()
  }

  #carry(from: string, to: string, bytes: Buffer, deliver: () => void): void {
    const { network, timeline } = this.#init
    const arriveMs = network.leave(from, to, bytes.byteLength, timeline.now())
    if (arriveMs === undefined) return
    timeline.at(arriveMs, () => {
      const throughMs = network.arrive(to, bytes.byteLength, arriveMs)
      if (throughMs === undefined) return
      if (throughMs <= timeline.now()) deliver()
      else timeline.at(throughMs, deliver)
    })
  }

  #mapping(source: number, to: UdpPlace): Mapping {
    const { nat, timeline } = this.#init
    const key = nat.perDestination ? `${source} ${to.port}` : String(source)
    const nowMs = timeline.now()
    const known = this.#mappings.get(key)
    if (known && nowMs - known.usedMs <= nat.idleMs) {
      known.usedMs = nowMs
      return known
    }
    if (known) setTimeout(() => this.#close(known.outside), LINGER_MS).unref()
    const outside = open()
    outside.bind(0, HOST)
    outside.on('message', (bytes, { port }) => {
      const current = this.#mappings.get(key)
      if (current?.outside === outside) current.usedMs = timeline.now()
      this.#inbound(this.#byPort.get(port), source, bytes)
    })
    const mapping = { outside, usedMs: nowMs }
    this.#mappings.set(key, mapping)
    this.mappings++
    return mapping
  }
}

const HOST = '127.0.0.1'
const BUFFER_BYTES = 4 << 20

function open(): Socket {
  const socket = createSocket({
    type: 'udp4',
    recvBufferSize: BUFFER_BYTES,
    sendBufferSize: BUFFER_BYTES,
    lookup: (host, _, done) => done(null, host, 4), // every address here is one already
  })
  socket.on('error', () => {}) // a node that is gone: its port answers "unreachable"
  return socket
}
