import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { training } from '../../runtime/index.ts'
import { LocalCluster, type LocalClusterInit } from '../../runtime/local-cluster/index.ts'
import type { Requirements } from '../../runtime/protocol/index.ts'
import type { BareSteps } from './bare-step.ts'
import type { TrainingTask } from './task.ts'

/**
 * A task as a job: a submitter and a worker of their own processes, leases and receipts over QUIC, each state sent to the
 * submitter and journalled there before the next shard begins.
 */
export class JobTraining {
  readonly #cluster: LocalCluster
  readonly #folder: string
  readonly #task: TrainingTask
  readonly #requirements: Requirements
  #jobs = 0

  private constructor(cluster: LocalCluster, folder: string, task: TrainingTask, requirements: Requirements = {}) {
    this.#cluster = cluster
    this.#folder = folder
    this.#task = task
    this.#requirements = requirements
  }

  /** `flagsOf`: further flags of a node by name. Default: none. */
  static async start(
    task: TrainingTask,
    { flagsOf, requirements }: Pick<LocalClusterInit, 'flagsOf'> & { readonly requirements?: Requirements } = {},
  ): Promise<JobTraining> {
    const folder = await mkdtemp(join(tmpdir(), 'aivida-bench-'))
    const cluster = await LocalCluster.start({ workers: 1, ...(flagsOf && { flagsOf }) })
    return new JobTraining(cluster, folder, task, requirements)
  }

  /** Runs two shards of so many steps, and says how long the second one took; losses are those of the first. */
  async steps(count: number): Promise<BareSteps> {
    const { init, table, learningRate, seed } = this.#task
    const job = this.#jobs++
    const handle = await this.#cluster.client.train(
      training({
        ...init,
        data: table,
        steps: 2 * count,
        stepsPerShard: count,
        learningRate,
        requirements: this.#requirements,
        seed: seed + job, // a worker does not do the same work twice
        outputDir: join(this.#folder, String(job)),
      }),
    )
    const reached: number[] = []
    for await (const event of handle.events()) if (event.type === 'checkpoint') reached.push(performance.now())
    await handle.done()
    const losses = [...(await handle.job.result()).getChild('loss')!] as number[]
    return { seconds: (reached[1]! - reached[0]!) / 1_000, losses: losses.slice(0, count) }
  }

  async stop(): Promise<void> {
    await this.#cluster.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
