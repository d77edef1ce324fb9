import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layoutOf } from '../../runtime/compute/update/index.ts'
import type { NamedTensors } from '../../runtime/data/tensor/index.ts'
import { training } from '../../runtime/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { LinkProxy, linkFlags, type ProxyCounts } from '../../test/support/link/link-proxy.ts'
import { CLEAR } from '../../test/support/link/network.ts'
import { learningOf } from './model.ts'
import type { Recipe } from './recipe.ts'
import { scheduleOf } from './train.ts'

/** What a training over real nodes came to. */
export interface SwarmTrained {
  readonly state: NamedTensors
  /**
   * What went through the lines of a worker and of the submitter, both ways, a round, over the second half of the rounds:
   * updates, leases, receipts, heartbeats, QUIC. Before it come the model and the data, after it the final state.
   */
  readonly workerBytes: number
  readonly submitterBytes: number
  readonly parameters: number
  readonly seconds: number
}

/** The same recipe over nodes of their own, QUIC between them, every datagram counted. */
export async function trainOverSwarm(recipe: Recipe): Promise<SwarmTrained> {
  const { rounds, workers, steps, seed } = recipe
  if (!rounds) throw new Error('a recipe by rounds')
  const { init, step, table } = await learningOf(recipe, recipe.batch)
  const folder = await mkdtemp(join(tmpdir(), 'aivida-bench-'))
  try {
    await using proxy = LinkProxy.start({ terms: CLEAR })
    await using cluster = await LocalCluster.start({ workers, ...linkFlags(proxy) })
    const start = performance.now()
    const { localSteps, compression, down = compression, outer } = rounds
    const handle = await cluster.client.train(
      training({
        ...init,
        data: table,
        steps: steps * workers,
        learningRate: scheduleOf(recipe),
        seed,
        workers,
        sync: { sync: 'diloco', recipe: { localSteps, up: compression, down, outer } },
        snapshotEvery: 64,
        balance: 'equal',
        deadline: { leastMs: 600_000 },
        outputDir: join(folder, 'result'),
      }),
    )
    const counts: Record<string, number>[] = []
    for await (const event of handle.events()) if (event.type === 'round') counts.push(bytesBy(await proxy.counts()))
    await handle.done()
    const seconds = (performance.now() - start) / 1_000
    const half = counts.length >> 1
    const ofRound = (name: string) => (counts.at(-1)![name]! - counts.at(-1 - half)![name]!) / half
    return {
      state: await handle.state('last'),
      workerBytes: cluster.workers.reduce((sum, { name }) => sum + ofRound(name), 0) / workers,
      submitterBytes: ofRound('submitter'),
      parameters: layoutOf(step.signature).length,
      seconds,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function bytesBy({ lines }: ProxyCounts): Record<string, number> {
  return Object.fromEntries(Object.entries(lines).map(([name, { upBytes, downBytes }]) => [name, upBytes + downBytes]))
}
