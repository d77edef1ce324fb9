import type { FollowedJournals } from '../../job/following/index.ts'
import type { NodeSwarm } from '../../swarm/node-swarm.ts'
import type { FollowedView } from '../service.ts'

/** Where a node is, as far as this one knows: `suspect` when silent, `gone` when it is not heard of. */
export interface Whereabouts {
  readonly state: 'alive' | 'suspect' | 'gone'
  /** As its card has it; empty when there is none. */
  readonly name: string
}

/** Where a node is: one without a link counts as alive while others hear from it. */
export function whereabouts(swarm: NodeSwarm, peer: string): Whereabouts {
  const linked = swarm.members().find((member) => member.peer === peer)
  const isHeardOf = swarm.acquaintances().some(([known, { isHere }]) => known === peer && isHere)
  return { state: linked?.state ?? (isHeardOf ? 'alive' : 'gone'), name: swarm.cardOf(peer)?.name ?? '' }
}

/** The jobs that could be adopted here, for the operator. */
export function followedViews(followed: FollowedJournals, swarm: NodeSwarm): FollowedView[] {
  return followed.all().map(({ job, from, spec, parts, rows, ended, head }) => ({
    job,
    name: spec?.request.name ?? '',
    ...(spec && { account: spec.account }),
    from,
    coordinator: whereabouts(swarm, from),
    parts,
    rows,
    entries: head.seq,
    ended,
  }))
}
