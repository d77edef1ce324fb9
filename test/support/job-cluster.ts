import type { JobStatus } from '../../runtime/protocol/index.ts'
import { type JobNode, withJobs } from './virtual-jobs.ts'
import { VirtualSwarm } from './virtual-swarm.ts'

/** A submitter that computes nothing itself, and workers of these names; all see each other. */
export async function jobCluster<N extends readonly string[]>(...workers: N) {
  const swarm = new VirtualSwarm()
  const nodes: JobNode[] = []
  for (const name of ['submitter', ...workers]) {
    const node = await withJobs(swarm, await swarm.node(name))
    if (name === 'submitter') node.devices = []
    nodes.push(node)
    await node.startJobs()
  }
  await swarm.until(() => nodes.every((node) => node.swarm.members().length === workers.length), 10_000)
  return [swarm, ...(nodes as unknown as [JobNode, ...{ [Index in keyof N]: JobNode }])] as const
}

/** How a job stands, or ended, at its submitter. */
export const stateOf = (node: JobNode, job: string): JobStatus['state'] | undefined =>
  node.coordinator.status(job)?.state
