import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { readParts } from '../../../runtime/data/sources/index.ts'
import { arrowFile, toRowBatch } from '../../../runtime/data/tensor/arrow.ts'
import { tensorOf } from '../../../runtime/data/tensor/index.ts'
import type { LocalCluster, LocalNode } from '../../../runtime/local-cluster/index.ts'
import { model, tensor, value } from '../onnx-models.ts'

const COLUMNS = 3
/** Between two jobs: what attacks cost honest work is seen in each, and each costs a process. */
const PAUSE_MS = 400

/** A model whose output is its input, with some megabytes of weights, so that it comes in chunks. */
export function echoModel(padBytes = 2 << 20): Uint8Array {
  return model({
    nodes: [
      { op: 'ReduceMax', inputs: ['pad'], outputs: ['zero'] },
      { op: 'Add', inputs: ['x', 'zero'], outputs: ['y'] },
    ],
    inputs: [value('x', 'float32', ['n', COLUMNS])],
    outputs: [value('y', 'float32', ['n', COLUMNS])],
    initializers: [tensor('pad', 'float32', [padBytes / 4], new Uint8Array(padBytes))],
  })
}

/** Honest jobs, each on rows of its own, and checked. */
export class HonestWork {
  readonly #cluster: LocalCluster
  readonly #model: string
  #runs = 0

  private constructor(cluster: LocalCluster, model: string) {
    this.#cluster = cluster
    this.#model = model
  }

  static async prepare(cluster: LocalCluster): Promise<HonestWork> {
    const file = join(cluster.dir, 'echo.onnx')
    await writeFile(file, echoModel())
    return new HonestWork(cluster, file)
  }

  /** Runs a job and checks every row of its result; milliseconds it took. */
  async job(rows = 64, rowsPerShard = 4): Promise<{ readonly ms: number; readonly job: string }> {
    const run = ++this.#runs
    const values = Float32Array.from({ length: rows * COLUMNS }, (_, i) => run * 1_000_000 + i)
    const input = join(this.#cluster.dir, `honest-${run}.arrow`)
    await writeFile(input, arrowFile([toRowBatch({ x: tensorOf(values, [rows, COLUMNS]) })]))
    const outputDir = join(this.#cluster.dir, `honest-result-${run}`)
    const startMs = performance.now()
    const job = await this.#cluster.client.infer({ model: this.#model, input, outputDir, rowsPerShard })
    await job.done()
    const ms = performance.now() - startMs
    const { y } = await readParts(outputDir)
    assert.ok(y && Buffer.from(values.buffer).equals(y.data), 'the result is right')
    return { ms, job: job.id }
  }

  /** Does honest work for as long as the attack goes on, at least once; gives back what the attack does. */
  async during<T>(attack: Promise<T>): Promise<T> {
    let isOver = false
    const ended = attack.finally(() => {
      isOver = true
    })
    ended.catch(() => {})
    do {
      await this.job()
      await Promise.race([ended.catch(() => {}), delay(PAUSE_MS)])
    } while (!isOver)
    return ended
  }
}

/** Resident memory of a node's process, MiB. */
export function residentMiB({ pid }: LocalNode): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024
}
