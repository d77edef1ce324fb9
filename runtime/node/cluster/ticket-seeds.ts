import type { Cluster } from '../../swarm/charter/index.ts'
import type { NodeSwarm } from '../../swarm/node-swarm.ts'

/** Seeds that a ticket names. */
const SEEDS = 8
/** Of them, addresses of one other node: one of each carrier. */
const ADDRESSES_OF_OTHERS = 2

/**
 * Where the holder of a ticket knocks: at this node, then at others that are here and may admit, so that a ticket is
 * good while any of them runs.
 */
export function ticketSeeds(swarm: NodeSwarm, { charter }: Cluster): string[] {
  const own = swarm.card().addresses
  if (own.length === 0) return []
  const others = swarm
    .acquaintances()
    .filter(([peer, { isHere }]) => isHere && charter.state.delegates.has(peer))
    .flatMap(([, { card }]) => card.addresses.slice(0, ADDRESSES_OF_OTHERS))
  return [...own.slice(0, Math.max(ADDRESSES_OF_OTHERS, SEEDS - others.length)), ...others].slice(0, SEEDS)
}
