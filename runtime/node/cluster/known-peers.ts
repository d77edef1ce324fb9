import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { replaceFile, systemDisk } from '../../log/disk.ts'
import type { NodeSwarm } from '../../swarm/node-swarm.ts'
import type { Seed } from '../../swarm/presence/seed.ts'

/** Peers kept for the next start, and addresses of each. */
const PEERS = 64
const ADDRESSES = 4
const KEPT = PEERS * ADDRESSES

/** Where to begin: at the addresses of the last run (and of the ticket), and of the configuration. */
export interface KnownPeers {
  readonly seeds: readonly Seed[]
  /** Keeps addresses of members that are here now: first of those with a link, which are proven. */
  save(swarm: NodeSwarm): Promise<void>
}

/** Reads the addresses that an earlier run left. What cannot be read is not missed: it is only a hint. */
export async function knownPeers(file: string, configured: readonly string[]): Promise<KnownPeers> {
  const text = await readFile(file, 'utf8').catch(() => '[]')
  const kept = parse(text)
  let saved = kept.join()
  return {
    seeds: [
      ...kept.map((address): Seed => ({ address, source: 'cached' })),
      ...configured.map((address): Seed => ({ address, source: 'config' })),
    ],
    async save(swarm) {
      const linked = swarm.members().flatMap(({ card }) => card ?? [])
      const heardOf = swarm.acquaintances().flatMap(([, { card, isHere }]) => (isHere ? card : []))
      const cards = [...new Map([...linked, ...heardOf].map((card) => [card.node, card])).values()]
      const addresses = cards.slice(0, PEERS).flatMap((card) => card.addresses.slice(0, ADDRESSES))
      if (addresses.length === 0 || addresses.join() === saved) return
      await keepAddresses(file, addresses)
      saved = addresses.join()
    },
  }
}

/** Keeps addresses for the next start of the node. */
export async function keepAddresses(file: string, addresses: readonly string[]): Promise<void> {
  const content = JSON.stringify({ v: 1, addresses: addresses.slice(0, KEPT) })
  await replaceFile(systemDisk, dirname(file), basename(file), [Buffer.from(content)])
}

function parse(text: string): string[] {
  try {
    const { v, addresses } = JSON.parse(text) as { v?: unknown; addresses?: unknown }
    if (v !== 1 || !Array.isArray(addresses)) return []
    return addresses.filter((address): address is string => typeof address === 'string').slice(0, KEPT)
  } catch {
    return []
  }
}
