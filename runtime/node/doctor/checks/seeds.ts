import { type AividaError, toAividaError } from '../../../base/index.ts'
import { peerOfAddress } from '../../../swarm/presence/address-book.ts'
import type { Seed } from '../../../swarm/presence/seed.ts'
import type { NodeInfo } from '../../service.ts'
import { broken, type Check, type Finding, ok, type Patient, warning } from '../check.ts'
import type { Machine } from '../machine.ts'

/** Peers that are tried when no node runs that could tell. */
const TRIED_PEERS = 4

/** Whether the nodes to begin with can be reached, and by which carrier. A running node is asked, else they are dialled. */
export const seedsCheck: Check = {
  name: 'seeds',
  limit: 'doctorSeedsMs',
  async run(patient, signal) {
    return patient.node ? asTold(patient.node) : dialled(patient, signal)
  },
}

function asTold({ network }: NodeInfo): Finding[] {
  const { seeds, connected, carrier } = network
  const failed = seeds.filter(({ lastError }) => lastError)
  if (seeds.length === 0 || (connected > 0 && failed.length === 0))
    return [
      ok(connected > 0 ? `connected to ${connected} nodes over ${carrier}` : 'none are known: others call this node'),
    ]
  const words = failed.map(({ address, lastError }) => `${address}: ${lastError?.message}`)
  if (connected === 0 && failed.length === seeds.length)
    return [
      broken(
        `none of ${seeds.length} seeds can be reached (${words.slice(0, 3).join('; ')})`,
        'see that one of them runs and that UDP or TCP gets there; or name another: --seeds',
      ),
    ]
  const configured = failed.filter(({ source }) => source === 'config')
  return configured.length === 0
    ? [
        ok(
          `connected to ${connected} nodes over ${carrier ?? 'nothing yet'}; old addresses that no longer answer do no harm`,
        ),
      ]
    : configured.map(({ address, lastError }) =>
        warning(`seed ${address} cannot be reached (${lastError?.message})`, 'mend or remove it: --seeds'),
      )
}

async function dialled({ config, folder, machine, seeds }: Patient, signal: AbortSignal): Promise<Finding[]> {
  const kept = (await machine.knownAddresses(folder)).map((address): Seed => ({ address, source: 'cached' }))
  const all = [...seeds, ...config.seeds.map((address): Seed => ({ address, source: 'config' })), ...kept]
  if (all.length === 0) return [ok('none are known: others call this node, or mDNS finds them')]
  const byPeer = Map.groupBy(all, ({ address }) => peerOfAddress(address) ?? '')
  const nameless = byPeer.get('') ?? []
  byPeer.delete('')
  const findings = nameless.map(({ address }) =>
    broken(
      `seed ${address} names no peer`,
      'write it as /ip4/HOST/udp/PORT/quic-v1/p2p/PEER; aivida status there shows it',
    ),
  )
  const tried = await Promise.all(
    [...byPeer.values()]
      .slice(0, TRIED_PEERS)
      .map((found) => dialPeer(machine, [...new Set(found.map(({ address }) => address))], signal)),
  )
  const reached = tried.filter(({ reached }) => reached)
  if (reached.length === 0 && tried.length > 0)
    findings.push(
      broken(
        `none of ${tried.length} seeds can be reached: ${tried.map(({ words }) => words).join('; ')}`,
        'see that one of them runs (aivida status there), that its address is right and that its firewall lets UDP or TCP in',
      ),
    )
  else
    for (const { isOverTcpOnly, words } of reached)
      if (isOverTcpOnly)
        findings.push(warning(words, 'let UDP through on both sides; until then TCP is used, several times slower'))
  return findings.length > 0
    ? findings
    : [ok(`${reached.length} of ${tried.length} answered, over QUIC where they offer it`)]
}

async function dialPeer(machine: Machine, addresses: readonly string[], signal: AbortSignal) {
  const over = async (carrier: 'quic' | 'tcp', part: string): Promise<string | undefined> => {
    const fitting = addresses.filter((address) => address.includes(part))
    if (fitting.length === 0) return undefined
    return machine.dial(fitting, carrier, signal).then(
      () => 'reached',
      (error) => reasonOf(toAividaError(error)),
    )
  }
  const [quic, tcp] = await Promise.all([over('quic', '/quic-v1'), over('tcp', '/tcp/')])
  const isOverTcpOnly = quic !== undefined && quic !== 'reached' && tcp === 'reached'
  const name = addresses[0]!.replace(/\/p2p\/[^/]+$/, '')
  const reasons = [quic && `QUIC: ${quic}`, tcp && `TCP: ${tcp}`].filter(Boolean)
  return {
    reached: quic === 'reached' || tcp === 'reached',
    isOverTcpOnly,
    words: isOverTcpOnly
      ? `${name} answers over TCP and not over QUIC (${quic}): UDP does not get through`
      : `${name} (${reasons.join('; ') || 'neither QUIC nor TCP'})`,
  }
}

/** What the system says of a dial, by errno. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused, nothing listens there',
  EHOSTUNREACH: 'no way to that host',
  ENETUNREACH: 'no way to that network',
  ENOTFOUND: 'the name is unknown',
  ETIMEDOUT: 'no answer',
}

function reasonOf({ code, message, facts }: AividaError): string {
  if (code === 'timeout') return `no answer in ${Number(facts.limitMs) / 1000} s`
  const errno = Object.keys(REASONS).find((name) => message.includes(name))
  return errno === undefined ? message : REASONS[errno]!
}
