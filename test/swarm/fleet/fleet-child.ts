/** A process full of production swarms, without jobs or engines: QUIC on loopback, clusters and known peers on disk. */
import { every, silentLogger, systemClock, systemRandom } from '../../../runtime/base/index.ts'
import { loadKeys, openCluster, openDoor } from '../../../runtime/node/cluster/joining.ts'
import { knownPeers } from '../../../runtime/node/cluster/known-peers.ts'
import { dataFolder } from '../../../runtime/node/data-folder.ts'
import { NodeSwarm } from '../../../runtime/swarm/node-swarm.ts'
import { libp2pTransport } from '../../../runtime/swarm/transport/libp2p/index.ts'
import type { ChildRequest, NodeState } from './fleet.ts'

const swarms: NodeSwarm[] = []

process.on('message', async (request: ChildRequest) => {
  if (request.type === 'start') for (const dir of request.dirs) swarms.push(await start(dir, request.seeds))
  process.send!(states())
})
process.on('disconnect', () => process.exit())

async function start(dir: string, seeds: readonly string[]): Promise<NodeSwarm> {
  const folder = dataFolder(dir)
  const parts = { folder, clock: systemClock, logger: silentLogger }
  const keys = await loadKeys(folder, systemClock)
  const cluster = await openCluster(parts, keys)
  const known = await knownPeers(folder.peers, seeds)
  const swarm = new NodeSwarm({
    transport: await libp2pTransport({
      seed: keys.node.exportSeed(),
      listen: ['/ip4/127.0.0.1/udp/0/quic-v1'],
      logger: silentLogger,
    }),
    cluster,
    door: await openDoor(parts, cluster, keys),
    signer: keys.node,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    describe: () => ({ name: dir.slice(-8), software: 'fleet', devices: [] }),
    refusalsOf: () => ({}),
    seeds: known.seeds,
  })
  await swarm.start()
  every(systemClock, 1_000, () => void known.save(swarm).catch(() => {}))
  return swarm
}

function states(): NodeState[] {
  const { user, system } = process.cpuUsage()
  return swarms.map((swarm) => ({
    peer: swarm.self,
    address: swarm.card().addresses[0]!,
    links: swarm.members().map(({ peer }) => peer),
    network: swarm.network(),
    processCpuMs: (user + system) / 1_000,
  }))
}

// Keeps the process until its parent is gone: every timer of a swarm lets it end.
setInterval(() => {}, 60_000)
