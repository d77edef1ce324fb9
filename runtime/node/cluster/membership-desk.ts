import { type Clock, userError } from '../../base/index.ts'
import {
  type Cluster,
  type Member as ClusterMember,
  type Door,
  type MemberRole,
  memberRoleSchema,
} from '../../swarm/charter/index.ts'
import type { NodeSwarm } from '../../swarm/node-swarm.ts'
import { peerOfAddress } from '../../swarm/presence/address-book.ts'
import type { Invite, InviteRequest, MemberView, NodeService, PendingView } from '../service.ts'
import type { NodeKeys } from './joining.ts'
import { ticketSeeds } from './ticket-seeds.ts'

/** What a {@link MembershipDesk} works on. */
export interface MembershipDeskInit {
  readonly cluster: Cluster
  readonly door: Door
  readonly keys: NodeKeys
  readonly swarm: NodeSwarm
  readonly clock: Clock
  /** The node's own. */
  readonly name: string
}

/** Who is a member, who may become one, and who no longer is: what a node's service says and does of it. */
export class MembershipDesk
  implements Pick<NodeService, 'members' | 'invite' | 'setSeeds' | 'remove' | 'pending' | 'approve'>
{
  readonly #init: MembershipDeskInit

  constructor(init: MembershipDeskInit) {
    this.#init = init
  }

  async members(): Promise<readonly MemberView[]> {
    const { cluster, swarm, name } = this.#init
    const present = new Set([swarm.self, ...swarm.members().map(({ peer }) => peer)])
    for (const [peer, { isHere }] of swarm.acquaintances()) if (isHere) present.add(peer)
    return cluster.roster.members().map((member: ClusterMember) => ({
      peer: member.node,
      name: member.node === swarm.self ? name : (swarm.cardOf(member.node)?.name ?? ''),
      ...(member.account !== undefined && { account: member.account }),
      role: member.role,
      present: present.has(member.node),
    }))
  }

  async invite({ uses = 1, expiresMs = 86_400_000, role = 'member' }: InviteRequest): Promise<Invite> {
    const { door, swarm, clock } = this.#init
    const expiresWallMs = Math.floor(clock.wallMs()) + expiresMs
    const seeds = ticketSeeds(swarm, this.#init.cluster)
    if (seeds.length === 0)
      throw userError(
        'invite.no-address',
        'this node has no address that others could reach; see --listen and --announce',
      )
    const ticket = door.invite({ seeds, role: roleOf(role), uses, expiresWallMs })
    return { ticket, uses, expiresWallMs, role }
  }

  async setSeeds(addresses: readonly string[]): Promise<void> {
    const { cluster, swarm, keys } = this.#init
    if (!keys.account)
      throw userError('charter.not-admin', "only an admin names seeds; do it where the admin's account key is")
    const nameless = addresses.find((address) => peerOfAddress(address) === undefined)
    if (nameless !== undefined)
      throw userError(
        'seeds.address',
        `expected an address that ends in /p2p/PEER, found ${nameless}; see: aivida status`,
      )
    await cluster.amend({ type: 'terms', terms: { seeds: [...addresses] } }, keys.account)
    swarm.charterChanged()
  }

  async remove(peer: string, reason: string): Promise<void> {
    const { cluster, swarm, keys } = this.#init
    if (!cluster.roster.member(peer)) throw userError('member.unknown', `${peer} is not a member; see: aivida members`)
    if (!keys.account)
      throw userError('charter.not-admin', "only an admin removes members; do it where the admin's account key is")
    await cluster.amend({ type: 'remove-member', member: peer, reason: reason.slice(0, 256) }, keys.account)
    swarm.charterChanged()
  }

  async pending(): Promise<readonly PendingView[]> {
    return this.#init.door.requests.map(({ node, admittedWallMs }) => ({
      peer: node,
      name: '',
      askedWallMs: admittedWallMs,
    }))
  }

  async approve(peer: string): Promise<void> {
    await this.#init.door.approve(peer)
  }
}

function roleOf(role: string): MemberRole {
  const parsed = memberRoleSchema.safeParse(role)
  if (parsed.success) return parsed.data
  throw userError('invite.role', `expected a role of ${memberRoleSchema.options.join(', ')}, found ${role}`)
}
