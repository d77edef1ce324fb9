import { homedir, hostname } from 'node:os'
import { type Config, loadConfig } from '../base/index.ts'

/** Letters of a peer id that tell the nodes of one machine apart. */
const PEER_LETTERS = 4

/**
 * What a node is called: what it was told or, by default, its machine's name. In a data folder of its own it may not be the
 * only node there, so that the end of its peer id follows. At most 64 characters.
 */
export function nodeName({ name, dataDir }: Pick<Config, 'name' | 'dataDir'>, peer: string): string {
  if (name !== '') return name
  const system = { home: homedir(), cwd: process.cwd(), platform: process.platform }
  if (dataDir === loadConfig({ system }).dataDir) return hostname().slice(0, 64)
  return `${hostname().slice(0, 64 - 1 - PEER_LETTERS)}-${peer.slice(-PEER_LETTERS)}`
}
