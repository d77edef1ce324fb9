import type { Clock } from '../../base/index.ts'
import type { ConductView, PeerView } from '../../protocol/index.ts'
import type { ConductRecord } from '../../swarm/conduct/index.ts'
import type { NodeSwarm } from '../../swarm/node-swarm.ts'
import type { Member } from '../../swarm/presence/member.ts'

/** A peer that is not connected: nothing is known of it but what is given. */
export function absentPeer(peer: string, what: Pick<PeerView, 'state' | 'silentMs'> & Partial<PeerView>): PeerView {
  const unknown = { name: '', address: '', software: '', role: '', devices: [], refusals: {} }
  return { ...unknown, peer, self: false, carrier: 'none', ...what }
}

/** The peers of a node, itself aside: connected ones, those heard of through others, then those that are kept out. */
export function peerViews(swarm: NodeSwarm, clock: Clock): PeerView[] {
  const members = swarm.members()
  const here = new Set(members.map(({ peer }) => peer))
  const gated = swarm.warden.gated().filter((peer) => !here.has(peer))
  const far = swarm.acquaintances().filter(([peer, { isHere }]) => isHere && !here.has(peer) && !gated.includes(peer))
  return [
    ...members.map((member) => viewOf(member, swarm, clock)),
    ...far.map(([peer, { card, heardMs }]) =>
      absentPeer(peer, {
        state: 'alive',
        silentMs: Math.max(0, clock.monoMs() - heardMs),
        name: card.name,
        address: card.addresses[0] ?? '',
        software: card.software,
        role: swarm.roleOf(peer),
        devices: card.devices,
        ...conductOf(peer, swarm, clock),
      }),
    ),
    ...gated.map((peer) => absentPeer(peer, { state: 'gated', silentMs: 0, ...conductOf(peer, swarm, clock) })),
  ]
}

/** Addresses whose strangers misbehaved, and how. */
export function strangerViews({ warden }: NodeSwarm, clock: Clock): (ConductView & { readonly host: string })[] {
  return warden.hosts().map(([host, record]) => ({ host, ...conductView(record, clock) }))
}

function viewOf(member: Member, swarm: NodeSwarm, clock: Clock): PeerView {
  const { peer, card, state, carrier, address, software, role, heardMs, refusals } = member
  return {
    peer,
    name: card?.name ?? '',
    self: false,
    state,
    carrier,
    address,
    software,
    role,
    silentMs: Math.max(0, clock.monoMs() - heardMs),
    devices: card?.devices ?? [],
    refusals,
    ...conductOf(peer, swarm, clock),
  }
}

function conductOf(peer: string, { warden }: NodeSwarm, clock: Clock): { conduct?: ConductView } {
  const record = warden.conduct(peer)
  return record ? { conduct: conductView(record, clock) } : {}
}

function conductView({ code, message, count, lastMs, gatedUntilMs }: ConductRecord, clock: Clock): ConductView {
  const [nowMs, nowWallMs] = [clock.monoMs(), clock.wallMs()]
  const wallMs = (monoMs: number) => Math.round(nowWallMs + monoMs - nowMs)
  return {
    code,
    message,
    count,
    lastWallMs: wallMs(lastMs),
    ...(gatedUntilMs > nowMs && { gatedUntilWallMs: wallMs(gatedUntilMs) }),
  }
}
