/** The proxy's process: takes orders over its IPC channel and ends with it. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { LinkProxyInit, Order, Place } from './link-proxy.ts'
import { ELSEWHERE, LinkNetwork } from './network.ts'
import { socketOwner } from './socket-owner.ts'
import { TcpGate } from './tcp-gate.ts'
import { Timeline } from './timeline.ts'
import { UdpGate } from './udp-gate.ts'

const init = JSON.parse(process.argv[2]!) as Required<LinkProxyInit>
const network = new LinkNetwork(init.terms)
const timeline = new Timeline()
const pids = new Map<number, string>()
const owners = { udp: new Map<number, string>(), tcp: new Map<number, string>() }
const parts = (kind: 'udp' | 'tcp') => ({ network, timeline, ownerOf: (port: number) => ownerOf(kind, port) })
const udp = new UdpGate({ ...parts('udp'), nat: { ...init.nat, idleMs: init.nat.idleMs ?? Number.POSITIVE_INFINITY } })
const tcp = new TcpGate(parts('tcp'))
const places = new Map<string, Promise<Place>>()

process.on('disconnect', () => process.exit(0))
process.on('message', async ({ id, order }: { id: number; order: Order }) => {
  process.send?.({ id, answer: await obey(order) })
})

async function obey(order: Order): Promise<unknown> {
  switch (order.type) {
    case 'place': {
      const place = places.get(order.name) ?? makePlace(order.name)
      places.set(order.name, place)
      return place
    }
    case 'runs':
      for (const [pid, name] of pids) if (name === order.name) pids.delete(pid)
      pids.set(order.pid, order.name)
      for (const kind of ['udp', 'tcp'] as const)
        for (const [port, name] of owners[kind])
          if (name === order.name || name === ELSEWHERE) owners[kind].delete(port)
      return undefined
    case 'claim':
      owners.udp.set(order.port, order.name)
      return undefined
    case 'set':
      return network.set(order.terms)
    case 'rebind':
      return udp.rebind()
    case 'counts':
      return { lines: network.counts(), mappings: udp.mappings, cpuMs: cpuMs() }
  }
}

async function makePlace(name: string): Promise<Place> {
  const real = { udp: await freeUdpPort(), tcp: await freeTcpPort() }
  const front = { udp: await udp.place(name, real.udp), tcp: await tcp.place(name, real.tcp) }
  const addresses = (ports: typeof real) => [
    `/ip4/127.0.0.1/udp/${ports.udp}/quic-v1`,
    ...(init.tcp ? [`/ip4/127.0.0.1/tcp/${ports.tcp}`] : []),
  ]
  return { listen: addresses(real), announce: addresses(front), real, front }
}

/** Looked up once for each port: a datagram costs no system call beside its own. */
function ownerOf(kind: 'udp' | 'tcp', port: number): string {
  const known = owners[kind].get(port)
  if (known !== undefined) return known
  const name = pids.get(socketOwner(kind, port, pids.keys()) ?? -1) ?? ELSEWHERE
  owners[kind].set(port, name)
  return name
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

async function freeTcpPort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
