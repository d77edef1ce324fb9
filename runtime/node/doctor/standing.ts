import { readFile } from 'node:fs/promises'
import { type Clock, isAividaError, toAividaError } from '../../base/index.ts'
import { systemDisk } from '../../log/index.ts'
import { accountIdOf, peerIdOf } from '../../protocol/index.ts'
import { assertStanding, Cluster, ClusterStore } from '../../swarm/charter/index.ts'
import { bindingProofCodec, readKeyFile, type SecretKey } from '../../swarm/identity/index.ts'
import type { DataFolder } from '../data-folder.ts'
import type { Standing } from './machine.ts'

/**
 * Reads what the folder says of the node's place in a cluster, and changes nothing in it. Throws `key.*`,
 * `cluster.damaged`, `charter.*`, `signature.*`, `encoding.*`.
 */
export async function standingOf(folder: DataFolder, clock: Clock): Promise<Standing> {
  const store = new ClusterStore(systemDisk, folder.cluster)
  const node = await keyIfAny(folder.nodeKey, 'node')
  const account = await keyIfAny(folder.accountKey, 'account')
  const bindingBytes = await readFile(folder.binding).catch(() => undefined)
  const binding = bindingBytes && bindingProofCodec.decode(bindingBytes)
  const ownAccount = account && accountIdOf(account.publicKey)
  const cluster = node && (await Cluster.open({ node, store, clock }))
  if (!cluster)
    return {
      ...{ cluster: undefined, refusal: undefined, others: 0, newestWallMs: 0 },
      ...{ ownAccount, binding, memberAccount: undefined },
    }
  const { charter, own, roster } = cluster
  const foreign = roster.members().filter((member) => member.node !== own.node)
  return {
    cluster: { id: charter.state.cluster, name: charter.state.name },
    refusal: refusalOf(cluster, peerIdOf(node.publicKey), clock),
    others: foreign.length,
    newestWallMs: Math.max(0, ...[own, ...foreign].map(({ admittedWallMs }) => admittedWallMs)),
    ownAccount,
    binding,
    memberAccount: own.account,
  }
}

function refusalOf({ charter, own }: Cluster, node: string, clock: Clock): string | undefined {
  if (own.node !== node) return `it is another node's (${own.node}), and this one is ${node}`
  try {
    assertStanding(charter.state, own, clock.wallMs())
    return undefined
  } catch (error) {
    return toAividaError(error).message
  }
}

async function keyIfAny(path: string, purpose: 'node' | 'account'): Promise<SecretKey | undefined> {
  try {
    return await readKeyFile(path, purpose)
  } catch (error) {
    if (isAividaError(error, 'key.missing')) return undefined
    throw error
  }
}
