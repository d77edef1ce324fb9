import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Where everything of a node lies, below its data folder: one table, for the node and the commands that prepare it. */
export interface DataFolder {
  readonly root: string
  /** The machine's own key. */
  readonly nodeKey: string
  /** The account's key, on the machines of its holder. */
  readonly accountKey: string
  /** That this node belongs to an account whose key lies elsewhere: a `BindingProof`. */
  readonly binding: string
  /** Charter, roster and requests. */
  readonly cluster: string
  /** Tickets that were redeemed here. */
  readonly tickets: string
  /** Models and outputs, by content. */
  readonly blobs: string
  /** A folder a job: its journal. */
  readonly jobs: string
  /** Copies of the journals of other nodes of the account, a folder a job. */
  readonly followed: string
  /** The worker's journal of leases and receipts. */
  readonly worker: string
  /** What was fetched of jobs of other nodes, a folder a job. */
  readonly shared: string
  /** Results that were not given a folder of their own. */
  readonly results: string
  readonly uploads: string
  /** Data that the operator brought: their list, their names, and what is still arriving. */
  readonly data: string
  readonly logs: string
  /** Where members were last reached. */
  readonly peers: string
  /** Which ports this node was given, to listen on them again. */
  readonly ports: string
  /** Compiled code and proven determinism classes: nothing that cannot be made again. */
  readonly cache: string
}

/** The layout of a data folder. */
export function dataFolder(root: string): DataFolder {
  const at = (...names: string[]) => join(root, ...names)
  return {
    root,
    nodeKey: at('keys', 'node.key'),
    accountKey: at('keys', 'account.key'),
    binding: at('keys', 'binding.cbor'),
    cluster: at('cluster'),
    tickets: at('cluster', 'tickets.log'),
    blobs: at('blobs'),
    jobs: at('jobs'),
    followed: at('followed'),
    worker: at('worker'),
    shared: at('shared'),
    results: at('results'),
    uploads: at('uploads'),
    data: at('data'),
    logs: at('logs'),
    peers: at('cluster', 'peers.json'),
    ports: at('cluster', 'ports.json'),
    cache: at('cache'),
  }
}

/** Makes the folder, for its owner's eyes only. */
export async function makeDataFolder(folder: DataFolder): Promise<void> {
  for (const path of [
    folder.root,
    join(folder.root, 'keys'),
    folder.cluster,
    folder.jobs,
    folder.followed,
    folder.cache,
  ])
    await mkdir(path, { recursive: true, mode: 0o700 })
}
