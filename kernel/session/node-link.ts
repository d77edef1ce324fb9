import type { ConfigSystem } from '../../runtime/base/config-options.ts'
import { AividaError, isAividaError, toAividaError } from '../../runtime/base/errors.ts'
import type { Client } from '../../runtime/node/control/client.ts'
import { NodeEvents } from './node-events.ts'

/** Where a session looks for its node. */
export interface NodeLinkInit {
  /** Read when a cell first needs the node. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly system: ConfigSystem
}

/** The way from a session to the node on this machine. Nothing is loaded or opened before a cell asks for something. */
export class NodeLink {
  readonly #init: NodeLinkInit
  #client: Promise<Client> | undefined
  /** What was asked for last, of each job that something is asked for in turn. */
  readonly #turns = new Map<string, Promise<unknown>>()
  /** What happens on the node, for all who follow a job. */
  readonly events = new NodeEvents(() => this.client())

  constructor(init: NodeLinkInit) {
    this.#init = init
  }

  /** The settings by which the node is found, and started. Throws `config.*`. */
  async config() {
    const { readConfig } = await import('../../runtime/node/config-file.ts')
    const { system, env } = this.#init
    return readConfig({ system, env })
  }

  /** A client, whether or not a node runs. Throws `config.*`. */
  client(): Promise<Client> {
    this.#client ??= this.#make()
    return this.#client
  }

  /** Asks the node. Throws what it throws, and `node.not-running` in words for a notebook. */
  async ask<T>(question: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await question(await this.client())
    } catch (error) {
      throw explained(error)
    }
  }

  /**
   * Does one thing after another to a job, in the order of the calls, also of cells that await none of them: each question has a
   * connection of its own, and the last one asked could come first.
   */
  inTurn<T>(job: string, doing: () => Promise<T>): Promise<T> {
    const done = (this.#turns.get(job) ?? Promise.resolve()).then(doing)
    const ended = done.then(
      () => {},
      () => {}, // told to whoever asked for it
    )
    this.#turns.set(job, ended)
    void ended.then(() => {
      if (this.#turns.get(job) === ended) this.#turns.delete(job)
    })
    return done
  }

  /** Lets go of the connection: jobs go on. What is asked later opens another one. */
  async close(): Promise<void> {
    this.events.close()
    const client = this.#client
    this.#client = undefined
    await client?.then(
      (open) => open.close(),
      () => {}, // it was never there
    )
  }

  async #make(): Promise<Client> {
    try {
      const { Client } = await import('../../runtime/node/control/client.ts')
      return new Client({ socketPath: (await this.config()).socketPath })
    } catch (error) {
      this.#client = undefined // a configuration that is mended is read again
      throw error
    }
  }
}

/** Whatever a call failed of, as a cell is told it. */
export function explained(error: unknown): AividaError {
  if (!isAividaError(error, 'node.not-running')) return toAividaError(error)
  const { socketPath } = error.facts
  return new AividaError({
    code: error.code,
    category: error.category,
    retryable: true,
    message: `no node runs on this machine (nobody listens at ${socketPath}). Start one here: await cluster.start(), or in a terminal: npx aivida up`,
    facts: { ...error.facts, remedy: 'await cluster.start()' },
    cause: error,
  })
}
