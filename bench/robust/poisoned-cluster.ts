import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mnist } from '../../datasets/mnist.ts'
import { mlp } from '../../notebooks/models/mlp.ts'
import { openDataset } from '../../runtime/data/sources/index.ts'
import { adam, crossEntropy, diloco, type TrainingDefinition, training } from '../../runtime/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import type { Poison } from '../../test/support/attacker/poisoned-updates.ts'

/** Members, of which the last one lies. */
export const MEMBERS = 8
const LOCAL_STEPS = 16
const ROUNDS = 24

/** Real workers that train a digit reader by rounds; one of them gives what it is told to instead of what it learned. */
export class PoisonedCluster {
  readonly #cluster: LocalCluster
  readonly #folder: string
  readonly #poison: string

  private constructor(cluster: LocalCluster, folder: string, poison: string) {
    this.#cluster = cluster
    this.#folder = folder
    this.#poison = poison
  }

  static async start(): Promise<PoisonedCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'aivida-bench-'))
    const poison = join(folder, 'poison')
    await writeFile(poison, 'honest' satisfies Poison)
    process.env.POISONED_UPDATES = poison
    const liar = new URL('../../test/support/attacker/poisoned-updates.ts', import.meta.url).href
    const cluster = await LocalCluster.start({
      workers: MEMBERS,
      importsOf: (name) => (name === `worker-${MEMBERS}` ? [liar] : []),
    })
    return new PoisonedCluster(cluster, folder, poison)
  }

  /** Accuracy on the test images after a training in which the last member does this, in percent. */
  async accuracyWith(poison: Poison, aggregation: NonNullable<TrainingDefinition['aggregation']>): Promise<number> {
    await writeFile(this.#poison, poison)
    const [digits, unseen] = [await openDataset(mnist, 'train'), await openDataset(mnist, 'test')]
    const steps = ROUNDS * LOCAL_STEPS * MEMBERS
    const job = await this.#cluster.client.train(
      training({
        model: mlp,
        loss: crossEntropy(),
        optimizer: adam(),
        inputs: { images: { dtype: 'uint8', shape: [28, 28] }, labels: { dtype: 'uint8', shape: [] } },
        batchSize: 32,
        data: digits.table,
        validation: unseen.table,
        evaluateEvery: steps,
        steps,
        learningRate: { kind: 'cosine', rate: 1e-3, warmUpSteps: steps / 20, finalShare: 0.05 },
        seed: 1,
        workers: MEMBERS,
        sync: diloco({ localSteps: LOCAL_STEPS, compression: 'i8', outer: { momentum: 0.5 } }),
        aggregation,
        balance: 'equal',
        outputDir: join(this.#folder, `${poison}-${typeof aggregation === 'string' ? aggregation : aggregation.rule}`),
      }),
    )
    await job.done()
    const [last] = (await job.checkpoints()).slice(-1)
    const rounds = (await job.job.parts()).flatMap(({ round }) => round ?? [])
    const missing = rounds.filter(({ counted }) => counted.length < MEMBERS).length
    if (missing > 0) throw new Error(`in ${missing} of ${rounds.length} rounds some member did not count`)
    return 100 * last!.validation!.accuracy!
  }

  async stop(): Promise<void> {
    await this.#cluster.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
