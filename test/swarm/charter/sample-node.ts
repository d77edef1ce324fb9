import { type Disk, systemDisk } from '../../../runtime/log/index.ts'
import type { Signed } from '../../../runtime/protocol/signed.ts'
import {
  type AdmissionHello,
  type AdmissionMode,
  type Answer,
  Cluster,
  ClusterStore,
  Door,
  MemoryTicketLedger,
  type TicketLedger,
  type Welcome,
} from '../../../runtime/swarm/charter/index.ts'
import type { SecretKey } from '../../../runtime/swarm/identity/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { peerOf, scratchDir } from '../identity/sample-keys.ts'
import { admin, NOW, seed } from './sample-cluster.ts'

/** What one node has before it is in a cluster. */
export function sampleInit(node: SecretKey, clock = new VirtualClock(NOW), disk: Disk = systemDisk) {
  const folder = scratchDir()
  return { node, clock, folder, store: new ClusterStore(disk, folder) }
}

/** Node, clock and store of a sample. */
export type SampleInit = ReturnType<typeof sampleInit>

/** The door of a cluster at a node that holds its node key, and further ones when told so. */
export function sampleDoor(
  cluster: Cluster,
  { node, store, clock }: SampleInit,
  tickets: TicketLedger = new MemoryTicketLedger(),
  moreKeys: readonly SecretKey[] = [],
) {
  return Door.open({ cluster, keys: [node, ...moreKeys], tickets, store, clock, protocolVersions: [1] })
}

/** The founder's node: its cluster and its door. */
export async function sampleFounder(
  admission: AdmissionMode = 'ticket',
  init = sampleInit(seed),
  tickets?: TicketLedger,
) {
  const cluster = await Cluster.found(init, admin, { name: 'sample', admission })
  return { init, cluster, door: await sampleDoor(cluster, init, tickets) }
}

/** A hello to this cluster. */
export const helloTo = (cluster: Cluster, said: Partial<AdmissionHello> = {}): AdmissionHello => ({
  versions: [1],
  cluster: cluster.charter.state.cluster,
  ...said,
})

/** What the node behind `cluster` answers to one it has welcomed. */
export const welcomeOf = (cluster: Cluster, granted?: Signed): Welcome => ({
  genesis: cluster.charter.genesis,
  updates: [...cluster.charter.updates],
  membership: cluster.own.document,
  granted,
})

/** Lets `init`'s node join by a ticket of the founder. */
export async function joinByTicket({ cluster, door }: { cluster: Cluster; door: Door }, init: SampleInit, uses = 10) {
  const ticket = door.invite({ seeds: ['/dns4/seed'], role: 'member', uses, expiresWallMs: NOW + 1e9 })
  const answer = await door.hello(peerOf(init.node), helloTo(cluster, { ticket }))
  if (answer.outcome !== 'welcome') throw new Error(JSON.stringify(answer))
  return Cluster.join(init, cluster.charter.state.cluster, cluster.own.node, welcomeOf(cluster, answer.granted))
}

/** `outcome`, with the code of a refusal. */
export const outcomeOf = (answer: Answer): string =>
  answer.outcome === 'refused' ? `refused ${answer.code}` : answer.outcome
