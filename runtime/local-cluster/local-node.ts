import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AividaError, controlSocketPath } from '../base/index.ts'
import { COMMAND_FILE } from '../node/command-file.ts'
import { Client } from '../node/control/index.ts'
import { shareCache } from './shared-cache.ts'

/** How to start one node of a local cluster. */
export interface LocalNodeInit {
  readonly name: string
  readonly dataDir: string
  readonly role: 'both' | 'worker' | 'submitter'
  readonly slots: number
  /** Further command-line flags of `aivida node`. */
  readonly flags?: readonly string[]
  /** Modules that its process loads first, as URLs: with them a test has a node misbehave. */
  readonly imports?: readonly string[]
  readonly signal?: AbortSignal
}

/** How long a node may take until it answers. Milliseconds. */
const READY_MS = 60_000

/** A real node in a process of its own, on loopback. */
export class LocalNode {
  readonly name: string
  readonly dataDir: string
  readonly client: Client
  readonly #init: LocalNodeInit
  /** Where it was reached last: a node that is started again is found there. */
  #listen: readonly string[] = ['/ip4/127.0.0.1/udp/0/quic-v1', '/ip4/127.0.0.1/tcp/0']
  #process: ChildProcess
  #exited: Promise<void>

  private constructor(init: LocalNodeInit) {
    this.name = init.name
    this.dataDir = init.dataDir
    this.#init = init
    ;({ child: this.#process, exited: this.#exited } = spawnNode(init, this.#listen))
    this.client = new Client({ socketPath: controlSocketPath(init.dataDir, process.platform) })
  }

  /** Starts `aivida node` on a folder that is a member already, or holds a ticket; resolves when it takes work. */
  static async start(init: LocalNodeInit): Promise<LocalNode> {
    await shareCache(init.dataDir)
    const node = new LocalNode(init)
    await node.#ready()
    return node
  }

  /** Starts a killed node again on its folder and addresses; resolves when it takes work. */
  async restart(): Promise<void> {
    await this.#exited
    ;({ child: this.#process, exited: this.#exited } = spawnNode(this.#init, this.#listen))
    await this.#ready()
  }

  /** Process id. */
  get pid(): number {
    return this.#process.pid!
  }

  /** Sends a signal: `SIGKILL` and `SIGSTOP` are what the cluster has to survive. Resolves once a killed one is gone. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    this.#process.kill(signal)
    if (signal === 'SIGKILL') await this.#exited
  }

  /** Ends the node in good order, and by force when it does not. */
  async stop(): Promise<void> {
    await this.client.close()
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill('SIGCONT') // a stopped process takes no other signal
    this.#process.kill('SIGTERM')
    const force = setTimeout(() => this.#process.kill('SIGKILL'), 5_000)
    await this.#exited
    clearTimeout(force)
  }

  async #ready(): Promise<void> {
    try {
      await this.#answer()
    } catch (error) {
      await this.kill('SIGKILL')
      throw error
    }
  }

  async #answer(): Promise<void> {
    const { signal } = this.#init
    const until = performance.now() + READY_MS
    for (;;) {
      const info = await this.client.info().catch(() => undefined)
      if (info?.accepting) {
        this.#listen = info.addresses.map((address) => address.replace(/\/p2p\/.*/, ''))
        return
      }
      if (this.#process.exitCode !== null || this.#process.signalCode !== null || performance.now() > until)
        throw new AividaError({
          code: 'local-cluster.not-ready',
          category: 'internal',
          message: `node ${this.name} did not come up (exit code ${this.#process.exitCode}); see ${join(this.dataDir, 'output.log')}`,
        })
      await delay(25, undefined, { signal })
    }
  }
}

function spawnNode(init: LocalNodeInit, listen: readonly string[]): { child: ChildProcess; exited: Promise<void> } {
  const child = spawn(process.execPath, [...importing(init), COMMAND_FILE, ...nodeArguments(init, listen)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'], // the IPC channel ends with us, and the node with it
  })
  const output = createWriteStream(join(init.dataDir, 'output.log'), { flags: 'a' })
  output.on('error', () => {}) // what a full disk drops of it is missed by nobody but its reader
  child.stdout?.pipe(output, { end: false })
  child.stderr?.pipe(output, { end: false })
  return { child, exited: new Promise((resolve) => child.once('exit', () => resolve())) }
}

function importing({ imports = [] }: LocalNodeInit): string[] {
  return imports.flatMap((url) => ['--import', url])
}

function nodeArguments({ name, dataDir, role, slots, flags = [] }: LocalNodeInit, listen: readonly string[]): string[] {
  return [
    'node',
    ...['--data-dir', dataDir, '--name', name, '--role', role, '--slots', String(slots)],
    ...['--listen', listen.join(), '--no-mdns'],
    ...flags,
  ]
}
