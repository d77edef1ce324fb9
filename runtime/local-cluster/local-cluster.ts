import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, systemClock } from '../base/index.ts'
import { initCluster, joinCluster } from '../node/cluster/joining.ts'
import type { Client } from '../node/control/index.ts'
import { dataFolder } from '../node/data-folder.ts'
import { LocalNode } from './local-node.ts'

/** How to start a {@link LocalCluster}. */
export interface LocalClusterInit {
  /** Workers beside the submitter. Default: 2. With 0 the submitter works too: a cluster of one. */
  readonly workers?: number
  /** Slots of each worker. Default: 1. */
  readonly slots?: number
  /** Folder for everything; kept. Default: a temporary one that goes with the cluster. */
  readonly dir?: string
  /** Further flags of every `aivida node`. */
  readonly flags?: readonly string[]
  /** Further flags of one node, such as where it listens. */
  readonly flagsOf?: (name: string) => Promise<readonly string[]>
  /** Modules that the process of one node loads first; see `LocalNodeInit.imports`. */
  readonly importsOf?: (name: string) => readonly string[]
  /** Told of each node that has come up. */
  readonly started?: (node: LocalNode) => Promise<void>
  /** Hears of what is going on. */
  readonly say?: (line: string) => void
}

/**
 * Real nodes in processes of their own, talking QUIC on loopback: a submitter that founds the cluster, and workers that
 * join it by ticket. Everything is set up anew and nothing is left behind.
 */
export class LocalCluster implements AsyncDisposable {
  readonly dir: string
  readonly submitter: LocalNode
  readonly workers: readonly LocalNode[]
  readonly #temporary: boolean

  private constructor(dir: string, temporary: boolean, submitter: LocalNode, workers: readonly LocalNode[]) {
    this.dir = dir
    this.#temporary = temporary
    this.submitter = submitter
    this.workers = workers
  }

  /** Starts all nodes; resolves when the submitter sees every worker's devices. */
  static async start(init: LocalClusterInit = {}): Promise<LocalCluster> {
    const { workers: count = 2, slots = 1, flags = [], say = () => {} } = init
    const { flagsOf = async () => [], importsOf = () => [], started: tell = async () => {} } = init
    const dir = init.dir ?? (await mkdtemp(join(tmpdir(), 'aivida-')))
    const started: LocalNode[] = []
    const launch = async (name: string, role: 'both' | 'worker' | 'submitter') => {
      const own = [...flags, ...(await flagsOf(name))]
      const node = await LocalNode.start({
        name,
        dataDir: join(dir, name),
        role,
        slots,
        flags: own,
        imports: importsOf(name),
      })
      started.push(node)
      await tell(node)
      return node
    }
    try {
      const membership = (name: string) => ({
        folder: dataFolder(join(dir, name)),
        clock: systemClock,
        logger: silentLogger,
      })
      await initCluster(membership('submitter'), { name: 'local' })
      const submitter = await launch('submitter', count === 0 ? 'both' : 'submitter')
      say('the submitter is up')
      const { ticket } = await submitter.client.invite({ uses: Math.max(1, count), expiresMs: 600_000, role: 'member' })
      const workers = await Promise.all(
        Array.from({ length: count }, async (_, i) => {
          const name = `worker-${i + 1}`
          await joinCluster(membership(name), ticket)
          const worker = await launch(name, 'worker')
          say(`${name} has joined`)
          return worker
        }),
      )
      const cluster = new LocalCluster(dir, init.dir === undefined, submitter, workers)
      await cluster.#complete(count === 0 ? 1 : count)
      return cluster
    } catch (error) {
      await Promise.allSettled(started.map((node) => node.kill('SIGKILL')))
      if (init.dir === undefined) await rm(dir, { recursive: true, force: true })
      throw error
    }
  }

  /** A client of the submitter. */
  get client(): Client {
    return this.submitter.client
  }

  /** Ends all nodes and removes what was temporary. */
  async stop(): Promise<void> {
    await Promise.allSettled([this.submitter, ...this.workers].map((node) => node.stop()))
    if (this.#temporary) await rm(this.dir, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** Resolves when this many nodes with devices are seen from the submitter. */
  async #complete(count: number): Promise<void> {
    for await (const event of this.client.events({ signal: AbortSignal.timeout(30_000) })) {
      if (event.type !== 'peer' && event.type !== 'device') continue
      const peers = await this.client.peers()
      if (peers.filter((peer) => peer.state === 'alive' && peer.devices.length > 0).length >= count) return
    }
  }
}
