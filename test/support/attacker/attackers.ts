import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { silentLogger, systemClock } from '../../../runtime/base/index.ts'
import type { LocalCluster } from '../../../runtime/local-cluster/index.ts'
import { joinCluster } from '../../../runtime/node/cluster/joining.ts'
import { dataFolder } from '../../../runtime/node/data-folder.ts'
import type { Target } from './knock.ts'
import type { Answer, Order } from './main.ts'

/** A process of its own that attacks when told to, as strangers or as members that joined in some data folder. */
export class Attacker implements AsyncDisposable {
  readonly #process: ChildProcess
  #orders = 0

  private constructor(process: ChildProcess) {
    this.#process = process
  }

  /** `niceness` is that of the process (0 to 19): the nicer, the more it is the node that is measured. */
  static async start({ niceness = 5 }: { readonly niceness?: number } = {}): Promise<Attacker> {
    const child = fork(fileURLToPath(new URL('main.ts', import.meta.url)), [String(niceness)], {
      serialization: 'advanced',
    })
    child.setMaxListeners(0)
    await once(child, 'message')
    return new Attacker(child)
  }

  /** Attacks, as the member of that data folder or as a stranger; what it was told. Attacks may overlap. */
  async attack(
    attack: string,
    target: Target,
    { dataDir, ...options }: { readonly dataDir?: string; readonly [option: string]: unknown } = {},
  ): Promise<Record<string, unknown>> {
    const id = ++this.#orders
    const answered = Promise.withResolvers<Answer>()
    const hear = (answer: Answer) => {
      if (answer.id === id) answered.resolve(answer)
    }
    const onExit = () => answered.resolve({ id, failure: 'the attacker died' })
    this.#process.on('message', hear).once('exit', onExit)
    this.#process.send({ id, attack, target, options, ...(dataDir !== undefined && { dataDir }) } satisfies Order)
    const { told, failure } = await answered.promise
    this.#process.off('message', hear).off('exit', onExit)
    if (!told) throw new Error(`${attack}: ${failure}`)
    return told
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return
    const gone = once(this.#process, 'exit')
    this.#process.disconnect()
    await gone
  }
}

/** Data folders of members that will turn against their cluster, joined by ticket; by name. */
export async function traitors<Name extends string>(
  cluster: LocalCluster,
  names: readonly Name[],
): Promise<Record<Name, { readonly dataDir: string; readonly peer: string }>> {
  const { ticket } = await cluster.client.invite({ uses: names.length })
  const joined: [Name, { dataDir: string; peer: string }][] = []
  for (const name of names) {
    const dataDir = join(cluster.dir, `traitor-${name.replaceAll(' ', '-')}`)
    const init = { folder: dataFolder(dataDir), clock: systemClock, logger: silentLogger }
    const { own } = await joinCluster(init, ticket, { carriers: ['quic'] })
    joined.push([name, { dataDir, peer: own.node }])
  }
  return Object.fromEntries(joined) as Record<Name, { dataDir: string; peer: string }>
}
