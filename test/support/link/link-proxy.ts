import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { LineCounts, NetworkTerms, PathTerms } from './network.ts'

/** What lies between the nodes. */
export interface LinkProxyInit {
  readonly terms: NetworkTerms
  /** Default: one outside port for each socket of a node, kept for good. */
  readonly nat?: { readonly perDestination: boolean; readonly idleMs?: number }
  /** Whether nodes listen on TCP as well. Default: `false`. */
  readonly tcp?: boolean
}

/** Where a node listens, and what it tells others; multiaddrs and ports on loopback. */
export interface Place {
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly real: { readonly udp: number; readonly tcp: number }
  readonly front: { readonly udp: number; readonly tcp: number }
}

/** What the proxy's process is asked. */
export type Order =
  | { readonly type: 'place'; readonly name: string }
  | { readonly type: 'runs'; readonly name: string; readonly pid: number }
  | { readonly type: 'claim'; readonly name: string; readonly port: number }
  | { readonly type: 'set'; readonly terms: Partial<PathTerms> }
  | { readonly type: 'rebind' }
  | { readonly type: 'counts' }

/** What went through the proxy. */
export interface ProxyCounts {
  readonly lines: Readonly<Record<string, LineCounts>>
  /** Outside ports so far. */
  readonly mappings: number
  readonly cpuMs: number
}

/**
 * A network between real nodes of this machine, in user space: loss, delay, jitter, reordering, shaped lines and NAT,
 * from a seed. Each node listens on its real addresses and announces those of the proxy, so that whoever dials it goes
 * through here. Runs in a process of its own; needs no privilege.
 */
export class LinkProxy implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, (answer: unknown) => void>()
  #orders = 0

  private constructor(child: ChildProcess) {
    this.#process = child
    child.on('message', ({ id, answer }: { id: number; answer: unknown }) => {
      this.#waiting.get(id)?.(answer)
      this.#waiting.delete(id)
    })
  }

  static start(init: LinkProxyInit): LinkProxy {
    const whole = { nat: { perDestination: false }, tcp: false, ...init }
    return new LinkProxy(fork(fileURLToPath(new URL('main.ts', import.meta.url)), [JSON.stringify(whole)]))
  }

  /** Makes room for a node, or tells its place again: a restarted node keeps it. */
  place(name: string): Promise<Place> {
    return this.#ask({ type: 'place', name }) as Promise<Place>
  }

  /** This process is the node of that name now: what it sends is counted as that node's. */
  async runs(name: string, pid: number): Promise<void> {
    await this.#ask({ type: 'runs', name, pid })
  }

  /** What comes from this UDP port is the node's, without looking. */
  async claim(name: string, port: number): Promise<void> {
    await this.#ask({ type: 'claim', name, port })
  }

  /** Changes what happens on the way, from now on. */
  async set(terms: Partial<PathTerms>): Promise<void> {
    await this.#ask({ type: 'set', terms })
  }

  /** Forgets all outside ports, as a router does that starts anew: what is sent from now on comes from other ones. */
  async rebind(): Promise<void> {
    await this.#ask({ type: 'rebind' })
  }

  counts(): Promise<ProxyCounts> {
    return this.#ask({ type: 'counts' }) as Promise<ProxyCounts>
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const exited = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.disconnect()
    await exited
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #ask(order: Order): Promise<unknown> {
    const id = this.#orders++
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#process.send({ id, order })
    })
  }
}

/** What puts every node of a local cluster behind a proxy. */
export function linkFlags(proxy: LinkProxy) {
  return {
    async flagsOf(name: string): Promise<readonly string[]> {
      const { listen, announce } = await proxy.place(name)
      return ['--listen', listen.join(), '--announce', announce.join()]
    },
    started: (node: { readonly name: string; readonly pid: number }): Promise<void> => proxy.runs(node.name, node.pid),
  }
}
