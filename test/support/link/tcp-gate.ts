import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { LinkNetwork } from './network.ts'
import type { Timeline } from './timeline.ts'

/** What the gate needs of the proxy. */
export interface TcpGateInit {
  readonly network: LinkNetwork
  readonly timeline: Timeline
  /** The node that connects from this local port. */
  readonly ownerOf: (port: number) => string
}

/** A stream is held back while more than this of it is on its way beyond the delay. Milliseconds. */
const AHEAD_MS = 200

/** Carries TCP connections: in order and whole, later and slower. */
export class TcpGate {
  readonly #init: TcpGateInit

  constructor(init: TcpGateInit) {
    this.#init = init
  }

  /** Opens a front for the node that will listen on `port`; resolves to the port of the front. */
  async place(name: string, port: number): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, (near) => {
      const from = this.#init.ownerOf(near.remotePort ?? 0)
      const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      for (const socket of [near, far]) socket.setNoDelay(true)
      this.#pipe(near, far, from, name)
      this.#pipe(far, near, name, from)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  #pipe(source: Socket, target: Socket, from: string, to: string): void {
    const { network, timeline } = this.#init
    let lastMs = 0
    source.on('data', (bytes: Buffer) => {
      const nowMs = timeline.now()
      lastMs = network.stream(from, to, bytes.byteLength, nowMs)
      timeline.at(lastMs, () => target.writable && target.write(bytes))
      if (lastMs - nowMs <= AHEAD_MS) return
      source.pause()
      timeline.at(lastMs - AHEAD_MS, () => source.resume())
    })
    source.on('end', () => timeline.at(lastMs, () => target.end()))
    source.on('error', () => timeline.at(lastMs, () => target.destroy()))
  }
}
