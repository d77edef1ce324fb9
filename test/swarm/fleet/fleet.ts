import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { silentLogger, systemClock } from '../../../runtime/base/index.ts'
import { systemDisk } from '../../../runtime/log/index.ts'
import { initCluster, loadKeys, openDoor } from '../../../runtime/node/cluster/joining.ts'
import { dataFolder, makeDataFolder } from '../../../runtime/node/data-folder.ts'
import type { NetworkView } from '../../../runtime/protocol/index.ts'
import { ClusterStore } from '../../../runtime/swarm/charter/index.ts'
import { admitted } from '../../support/virtual-swarm.ts'

/** What a process of the fleet is asked; it answers with the state of all its nodes. */
export type ChildRequest =
  | { readonly type: 'start'; readonly dirs: readonly string[]; readonly seeds: readonly string[] }
  | { readonly type: 'look' }

/** One node of the fleet, as it sees itself. */
export interface NodeState {
  readonly peer: string
  readonly address: string
  readonly links: readonly string[]
  readonly network: NetworkView
  /** CPU time of the node's whole process so far. */
  readonly processCpuMs: number
}

/** One process of the fleet: the nodes `from` up to, not including, `to`. */
export interface FleetPart {
  readonly name: string
  readonly from: number
  readonly to: number
  /** Addresses to begin at, besides those kept of the last run. Default: none. */
  readonly seeds?: readonly string[]
}

/** Many production swarms in a few real processes, members of one cluster, talking QUIC on loopback. */
export class Fleet {
  readonly #dir: string
  readonly #dirs: readonly string[]
  readonly #children = new Map<string, ChildProcess>()

  private constructor(dir: string, dirs: readonly string[]) {
    this.#dir = dir
    this.#dirs = dirs
  }

  /** Makes the folders of `count` members; the first of them founded the cluster. */
  static async make(count: number): Promise<Fleet> {
    const dir = await mkdtemp(join(tmpdir(), 'aivida-fleet-'))
    const dirs = Array.from({ length: count }, (_, i) => join(dir, `node-${String(i).padStart(3, '0')}`))
    const founder = dataFolder(dirs[0]!)
    const parts = { folder: founder, clock: systemClock, logger: silentLogger }
    const cluster = await initCluster(parts, { name: 'fleet' })
    const door = await openDoor(parts, cluster, await loadKeys(founder, systemClock))
    for (const each of dirs.slice(1)) {
      const folder = dataFolder(each)
      await makeDataFolder(folder)
      const { node } = await loadKeys(folder, systemClock)
      const store = new ClusterStore(systemDisk, folder.cluster)
      await admitted({ cluster, door }, { node, store, clock: systemClock })
    }
    return new Fleet(dir, dirs)
  }

  /** Starts a process; resolves when its nodes are up. */
  async start({ name, from, to, seeds = [] }: FleetPart): Promise<NodeState[]> {
    const child = fork(join(import.meta.dirname, 'fleet-child.ts'))
    this.#children.set(name, child)
    return this.#ask(child, { type: 'start', dirs: this.#dirs.slice(from, to), seeds })
  }

  /** Kills a process, and its nodes with it, as a power cut does. */
  async kill(name: string): Promise<void> {
    const child = this.#children.get(name)!
    this.#children.delete(name)
    if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
  }

  /** How all running nodes see the swarm. */
  async look(): Promise<NodeState[]> {
    return (await Promise.all([...this.#children.values()].map((child) => this.#ask(child, { type: 'look' })))).flat()
  }

  /** Looks until it is so, and gives back the ms that took. Throws with what was seen last. */
  async until(isSo: (states: readonly NodeState[]) => boolean, limitMs: number): Promise<number> {
    const startMs = performance.now()
    for (;;) {
      const states = await this.look()
      const tookMs = performance.now() - startMs
      if (isSo(states)) return tookMs
      if (tookMs > limitMs) throw new Error(`not within ${limitMs} ms: ${describe(states)}`)
      await pause(100)
    }
  }

  async stop(): Promise<void> {
    for (const name of [...this.#children.keys()]) await this.kill(name)
    await rm(this.#dir, { recursive: true, force: true })
  }

  async #ask(child: ChildProcess, request: ChildRequest): Promise<NodeState[]> {
    const settled = new AbortController()
    const answered = once(child, 'message', { signal: settled.signal })
    const ended = once(child, 'exit', { signal: settled.signal }).then(() => {
      throw new Error('a process of the fleet ended by itself')
    })
    child.send(request)
    try {
      const [states] = (await Promise.race([answered, ended])) as [NodeState[]]
      return states
    } finally {
      settled.abort()
      await Promise.allSettled([answered, ended])
    }
  }
}

/** Whether the links between these nodes connect them all. */
export function isOneComponent(states: readonly Pick<NodeState, 'peer' | 'links'>[]): boolean {
  const running = new Map(states.map((state) => [state.peer, state]))
  const neighbours = (peer: string) => [
    ...(running.get(peer)?.links ?? []),
    ...states.filter(({ links }) => links.includes(peer)).map((state) => state.peer),
  ]
  const seen = new Set<string>()
  const next = states.slice(0, 1).map(({ peer }) => peer)
  for (let peer = next.pop(); peer !== undefined; peer = next.pop()) {
    if (seen.has(peer) || !running.has(peer)) continue
    seen.add(peer)
    next.push(...neighbours(peer))
  }
  return seen.size === states.length
}

/** Whether every node knows that all these others are about, and the links connect them. */
export function seeEachOther(states: readonly NodeState[]): boolean {
  return isOneComponent(states) && states.every(({ network }) => network.reachable >= states.length - 1)
}

/** Who sees how many, for a message. */
export function describe(states: readonly NodeState[]): string {
  const seen = states.map(({ network, links }) => `${network.reachable}/${links.length}`)
  return `${isOneComponent(states) ? 'one component' : 'several components'}; each reaches/links: ${seen.join(' ')}`
}
