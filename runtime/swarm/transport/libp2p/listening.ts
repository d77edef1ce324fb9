import type { Multiaddr } from '@multiformats/multiaddr'
import { carrierOf, parseAddresses } from './dial.ts'

/**
 * The ports that earlier starts were given, by the listen address that left the choice to the system (port 0). A node
 * listens there again, so that tickets, seeds and what others remember of it stay true over a restart.
 */
export interface KeptPorts {
  /** `undefined` at the first start. */
  portOf(address: string): number | undefined
  /** Takes what this start was given. Never rejects: at worst the next start is given others. */
  keep(ports: ReadonlyMap<string, number>): Promise<void>
}

const FREE_PORT = /\/(udp|tcp)\/0(?=\/|$)/

/** An address that leaves the port to the system, at the port it had; any other as it is. */
export function atKeptPort(address: string, ports: KeptPorts | undefined): string {
  const port = FREE_PORT.test(address) ? ports?.portOf(address) : undefined
  return port === undefined ? address : address.replace(FREE_PORT, `/$1/${port}`)
}

/**
 * Which port each address was given that left it to the system. `listeners` are the addresses of each listener; those
 * of one carrier come in the order of `listen`. Empty when some listener is missing: which one cannot be told.
 */
export function givenPorts(
  listen: readonly string[],
  listeners: readonly (readonly Multiaddr[])[],
): Map<string, number> {
  const given = new Map<string, number>()
  const open = listeners.flatMap(([first]) => first ?? [])
  if (open.length !== listen.length) return given
  const inOrder = Map.groupBy(open, carrierOf)
  for (const address of listen) {
    const [wanted] = parseAddresses([address])
    const found = wanted && inOrder.get(carrierOf(wanted))?.shift()
    const port = Number(found?.getComponents()[1]?.value)
    if (FREE_PORT.test(address) && port > 0) given.set(address, port)
  }
  return given
}

/** Why libp2p could not listen, by address: it lists them as indented lines `ADDRESS: REASON`, below other advice. */
export function listenFailures({ message }: Error): Map<string, string> {
  const lines = message.split('\n').filter((line) => /^\s*\//.test(line))
  return new Map(
    lines.map((line) => {
      const [address = '', ...reason] = line.trim().split(': ')
      return [address, reason.filter((part) => part !== 'Error').join(': ')]
    }),
  )
}
