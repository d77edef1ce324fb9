import { limit } from '../base/index.ts'
import { skewSentence } from '../swarm/presence/network-watch.ts'
import type { LocalServiceInit } from './local-service-init.ts'

/** What the operator should know of a running node, in words. */
export function nodeWarnings({
  swarm,
  config,
  clock,
  scrubbing,
}: Pick<LocalServiceInit, 'swarm' | 'config' | 'clock' | 'scrubbing'>): string[] {
  const addresses = swarm.card().addresses
  const warnings: string[] = []
  if (config.listen.length > 0 && addresses.length === 0)
    warnings.push('no address is listened at: nobody can call this node')
  else if (
    config.listen.some((address) => address.includes('/quic-v1')) &&
    !addresses.some((a) => a.includes('/quic-v1'))
  )
    warnings.push('QUIC (UDP) is unavailable: TCP only, several times slower for many streams')
  const { island, clockSkewMs = 0 } = swarm.network()
  if (island) warnings.push(island.message)
  if (Math.abs(clockSkewMs) > limit('clockWarnMs')) warnings.push(skewSentence(clockSkewMs))
  for (const { peer, carrier } of swarm.members())
    if (carrier === 'tcp') warnings.push(`${peer.slice(-8)} is reached over TCP: UDP does not get through`)
  for (const [host, { code, message, gatedUntilMs }] of swarm.warden.hosts())
    if (gatedUntilMs > clock.monoMs()) warnings.push(`strangers from ${host} are kept out (${code}: ${message})`)
  for (const [peer, error] of swarm.refusedHellos())
    if (error.category === 'user') warnings.push(`${peer.slice(-8)} refused us: ${error.message}`)
  for (const { message } of scrubbing.damage.values()) warnings.push(message)
  return warnings
}
