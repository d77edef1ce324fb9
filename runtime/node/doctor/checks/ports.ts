import type { Config } from '../../../base/index.ts'
import { broken, type Check, type Finding, ok, warning } from '../check.ts'
import type { Machine, PortAddress } from '../machine.ts'

/** Whether the node can listen where its settings say, or does; and who is in its place. */
export const portsCheck: Check = {
  name: 'ports',
  async run({ config, machine, node }) {
    const wanted = config.listen.flatMap((address) => portOf(address) ?? [])
    const unknown = config.listen.filter((address) => portOf(address) === undefined)
    const findings: Finding[] = unknown.map((address) =>
      broken(`${address} is no address to listen on`, 'use /ip4/0.0.0.0/udp/4001/quic-v1 or /ip4/0.0.0.0/tcp/4001'),
    )
    if (config.listen.length === 0)
      return [warning('this node listens nowhere: it reaches others, and nobody reaches it', 'set one: --listen')]
    if (node) {
      if (node.addresses.length === 0)
        findings.push(broken('the node runs and listens nowhere', 'aivida stop, and read what aivida up says'))
      return findings.length > 0 ? findings : [ok(`the node listens on ${node.addresses.map(withoutPeer).join(', ')}`)]
    }
    for (const address of wanted) {
      const problem = await attempt(machine, address)
      if (problem) findings.push(problem)
    }
    findings.push(...(await metricsPort(config, machine)))
    return findings.length > 0 ? findings : [ok(`${wanted.map(inWords).join(' and ')} can be listened on`)]
  },
}

async function metricsPort({ metricsPort: port }: Config, machine: Machine): Promise<Finding[]> {
  if (port === undefined) return []
  const problem = await attempt(machine, { protocol: 'tcp', host: '127.0.0.1', port })
  return problem ? [{ ...problem, remedy: 'choose another metrics port: --metrics-port' }] : []
}

async function attempt(machine: Machine, address: PortAddress): Promise<Finding | undefined> {
  try {
    await machine.bind(address)
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const where = inWords(address)
    switch (code) {
      case 'EADDRINUSE': {
        const holder = machine.holder(address)
        return broken(
          `${where} is taken by ${holder ?? 'another program'}`,
          `end ${holder === undefined ? `it (ss -lnp | grep ${address.port} names it)` : 'that program'}, or listen elsewhere: --listen`,
        )
      }
      case 'EADDRNOTAVAIL':
        return broken(
          `this machine does not have the address ${address.host}`,
          'listen on 0.0.0.0 and tell others the outer address: --announce',
        )
      case 'EACCES':
        return broken(`this user may not listen on ${where}`, 'use a port of 1024 or above: --listen')
      default:
        return broken(`${where} cannot be listened on (${message})`, 'listen elsewhere: --listen')
    }
  }
}

/** The port of a multiaddress that QUIC or TCP listens on; `undefined` for any other. */
function portOf(address: string): PortAddress | undefined {
  const [, family, host, protocol, port] = /^\/ip([46])\/([^/]+)\/(udp|tcp)\/(\d+)(?:\/quic-v1)?$/.exec(address) ?? []
  if (family === undefined || Number(port) > 65_535) return undefined
  return { protocol: protocol as PortAddress['protocol'], host: host!, port: Number(port) }
}

function inWords({ protocol, host, port }: PortAddress): string {
  return `${port === 0 ? 'a free' : ''} ${protocol.toUpperCase()} port ${port === 0 ? '' : port} of ${host}`
    .replace(/ +/g, ' ')
    .trim()
}

function withoutPeer(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '')
}
