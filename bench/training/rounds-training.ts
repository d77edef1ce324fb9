import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TrainingSync, training } from '../../runtime/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import type { RoundOutcome } from '../../runtime/protocol/index.ts'
import type { TrainingTask } from './task.ts'

/** What some rounds of a training took, from the end of one that was not counted. */
export interface RoundsTaken {
  readonly seconds: number
  /** Batches that counted. */
  readonly batches: number
  readonly rounds: number
  /** Inside the engines of the slowest member of each round: steps, and applying and making updates. Seconds. */
  readonly engineSeconds: number
}

/** Rounds before anything counts: models are loaded, states are brought. */
const FIRST = 2

/** A task trained by real workers together, one thread each: leases, receipts, updates over QUIC, all of it journalled. */
export class RoundsTraining {
  readonly #cluster: LocalCluster
  readonly #folder: string
  readonly #task: TrainingTask
  readonly #workers: number
  #jobs = 0

  private constructor(cluster: LocalCluster, folder: string, task: TrainingTask, workers: number) {
    this.#cluster = cluster
    this.#folder = folder
    this.#task = task
    this.#workers = workers
  }

  static async start(task: TrainingTask, workers: number): Promise<RoundsTraining> {
    const folder = await mkdtemp(join(tmpdir(), 'aivida-bench-'))
    return new RoundsTraining(await LocalCluster.start({ workers }), folder, task, workers)
  }

  /** Trains for so many rounds of so many steps a member, and some before them that are not counted. */
  async rounds(sync: TrainingSync, rounds: number, localSteps: number): Promise<RoundsTaken> {
    const { init, table, learningRate, seed } = this.#task
    const job = this.#jobs++
    const handle = await this.#cluster.client.train(
      training({
        ...init,
        data: table,
        steps: (FIRST + rounds) * localSteps * this.#workers,
        learningRate,
        seed: seed + job, // a worker does not do the same work twice
        workers: this.#workers,
        sync,
        balance: 'equal',
        snapshotEvery: 64,
        outputDir: join(this.#folder, String(job)),
      }),
    )
    await handle.done()
    const outcomes = (await handle.job.parts()).flatMap(({ round }) => round ?? [])
    const [before, counted] = [outcomes[FIRST - 1], outcomes.slice(FIRST)]
    if (!before || counted.length < rounds)
      throw new Error(`expected ${FIRST + rounds} rounds, found ${outcomes.length}`)
    return {
      seconds: (counted.at(-1)!.closedWallMs - before.closedWallMs) / 1_000,
      batches: sum(
        counted.flatMap(({ counted }) => counted.flatMap(({ batches }) => batches.map(({ count }) => count))),
      ),
      rounds: counted.length,
      engineSeconds: sum(counted.map(slowest)) / 1_000,
    }
  }

  async stop(): Promise<void> {
    await this.#cluster.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

function slowest({ counted }: RoundOutcome): number {
  return Math.max(...counted.map(({ computeMs }) => computeMs))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
