import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fashionMnist } from '../../datasets/fashion-mnist.ts'
import { isAividaError } from '../../runtime/base/index.ts'
import { OnnxRuntimeEngine } from '../../runtime/compute/engine/onnxruntime.ts'
import { openDataset } from '../../runtime/data/sources/index.ts'
import { type NamedTensors, typedArrayOf } from '../../runtime/data/tensor/index.ts'
import { asha, grid, type Search } from '../../runtime/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { medianCheck, type Suite } from '../report.ts'
import { fashionSweep, STEPS } from '../sweep/fashion-sweep.ts'

/** What a sweep came to. */
interface Found {
  readonly steps: number
  readonly seconds: number
  /** Of the best trial, on pictures that neither training nor choice has seen. Per cent. */
  readonly accuracy: number
}

/**
 * ASHA beside a grid search of the same 27 configurations on Fashion-MNIST, as jobs over two one-thread workers: which share
 * of the grid's steps it takes, and by how much the configuration that it finds is worse on the test pictures. The trials
 * are the same trainings; each seed has its own weights, order of rows and order of trials.
 */
export const suite: Suite = async ({ full, say }) => {
  const seeds = full ? [1, 2, 3, 4, 5] : [1, 2, 3]
  let test: NamedTensors
  try {
    test = (await openDataset(fashionMnist, 'test')).tensors
  } catch (error) {
    if (!isAividaError(error) || error.code !== 'data.missing') throw error
    return { checks: [], skipped: [{ name: 'asha', reason: error.message }], seed: 1, n: 0 }
  }
  const found: { seed: number; asha: Found; grid: Found }[] = []
  const folder = await mkdtemp(join(tmpdir(), 'aivida-sweep-'))
  const cluster = await LocalCluster.start({ workers: 2 })
  try {
    for (const seed of seeds) {
      const run = (name: string, search: Search) =>
        sweepOf(cluster, search, seed, test, join(folder, `${name}-${seed}`))
      const both = {
        seed,
        asha: await run('asha', asha({ eta: 3, minSteps: STEPS / 9, seed })),
        grid: await run('grid', grid()),
      }
      found.push(both)
      say(`seed ${seed}: asha ${describe(both.asha)}; grid ${describe(both.grid)}`)
    }
  } finally {
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
  const each = (of: (one: (typeof found)[number]) => number) => found.map(of)
  return {
    checks: [
      medianCheck(
        { name: 'asha_points_behind_grid', unit: 'points', goal: '<= 0.3' },
        each(({ asha: one, grid: all }) => all.accuracy - one.accuracy),
      ),
      medianCheck(
        { name: 'asha_share_of_steps', unit: '%', goal: '<= 35' },
        each(({ asha: one, grid: all }) => (100 * one.steps) / all.steps),
      ),
      medianCheck(
        { name: 'asha_accuracy', unit: '%' },
        each(({ asha: one }) => one.accuracy),
      ),
      medianCheck(
        { name: 'grid_accuracy', unit: '%' },
        each(({ grid: all }) => all.accuracy),
      ),
      medianCheck(
        { name: 'asha_share_of_time', unit: '%' },
        each(({ asha: one, grid: all }) => (100 * one.seconds) / all.seconds),
      ),
      medianCheck(
        { name: 'grid_steps_per_s', unit: 'steps/s' },
        each(({ grid: all }) => all.steps / all.seconds),
      ),
    ],
    seed: seeds[0]!,
    n: seeds.length,
  }
}

async function sweepOf(
  cluster: LocalCluster,
  search: Search,
  seed: number,
  test: NamedTensors,
  outputDir: string,
): Promise<Found> {
  const { table } = await openDataset(fashionMnist, 'train')
  const sweep = fashionSweep(table, search, seed)
  const handle = await cluster.client.sweep({ ...sweep, definition: { ...sweep.definition, outputDir } })
  const startMs = performance.now()
  const { rows, sweep: view } = await handle.done()
  const seconds = (performance.now() - startMs) / 1_000
  if (view?.failed !== 0) throw new Error(`trials failed: ${(await handle.table()).getChild('error')}`)
  return { steps: rows.done, seconds, accuracy: await testAccuracy(await handle.model(), test) }
}

async function testAccuracy(model: Uint8Array, { images, labels }: NamedTensors): Promise<number> {
  const session = await new OnnxRuntimeEngine().load({ graph: model })
  try {
    const [output] = Object.values(await session.run({ images: images! }))
    const logits = typedArrayOf(output!) as Float32Array
    const wanted = typedArrayOf(labels!) as Uint8Array
    const isRight = (label: number, row: number) => {
      const scores = logits.subarray(row * 10, row * 10 + 10)
      return scores.indexOf(Math.max(...scores)) === label
    }
    return (100 * wanted.filter(isRight).length) / wanted.length
  } finally {
    await session.close()
  }
}

function describe({ steps, seconds, accuracy }: Found): string {
  return `${accuracy.toFixed(2)} % after ${steps} steps, ${seconds.toFixed(1)} s`
}
