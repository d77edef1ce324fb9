import { type Config, silentLogger } from '../base/index.ts'
import { systemDisk } from '../log/index.ts'
import { foregroundClock } from '../node/control/foreground-clock.ts'
import { dataFolder } from '../node/data-folder.ts'
import { type AdmissionMode, type Charter, ClusterStore } from '../swarm/charter/index.ts'

/** A cluster, by its id and its founder's name for it. */
export interface ClusterView {
  readonly id: string
  readonly name: string
}

/** The cluster of a data folder, whether or not its node runs. Throws `cluster.damaged`, `charter.*`. */
export async function findCluster({ dataDir }: Config): Promise<ClusterView | undefined> {
  const charter = await new ClusterStore(systemDisk, dataFolder(dataDir).cluster).loadCharter()
  return charter && viewOf(charter)
}

/** Founds a cluster with this node as its first member and this folder's account as its admin. Throws `cluster.exists`. */
export async function initCluster(
  { dataDir }: Config,
  terms: { readonly name?: string; readonly admission?: AdmissionMode },
): Promise<ClusterView> {
  const { initCluster } = await import('../node/cluster/joining.ts')
  return viewOf((await initCluster(membershipInit(dataDir), terms)).charter)
}

/**
 * Knocks at a ticket's seeds, each told to `calling` first, and becomes a member. Throws `ticket.*`, `cluster.exists`,
 * `join.no-seed`.
 */
export async function joinCluster(
  { dataDir }: Config,
  ticket: string,
  calling: (peer: string, addresses: readonly string[]) => void,
): Promise<ClusterView> {
  const { joinCluster } = await import('../node/cluster/joining.ts')
  return viewOf((await joinCluster(membershipInit(dataDir), ticket, { calling })).charter)
}

/** Leaves a cluster of this node alone while the node does not run. Throws `cluster.none`, `node.not-running`. */
export async function leaveCluster({ dataDir }: Config): Promise<void> {
  const { leaveUntold } = await import('../node/cluster/joining.ts')
  await leaveUntold(membershipInit(dataDir))
}

const viewOf = ({ state }: Charter): ClusterView => ({ id: state.cluster, name: state.name })

const membershipInit = (dataDir: string) => ({
  folder: dataFolder(dataDir),
  clock: foregroundClock,
  logger: silentLogger,
})
