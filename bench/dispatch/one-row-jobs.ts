import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readParts } from '../../runtime/data/sources/index.ts'
import { arrowFile, toRowBatch } from '../../runtime/data/tensor/arrow.ts'
import { tensorOf, typedArrayOf } from '../../runtime/data/tensor/index.ts'
import type { LocalCluster } from '../../runtime/local-cluster/index.ts'
import type { JobStatus } from '../../runtime/protocol/index.ts'

/** `y = x + x`, both `[n, 1] f32`. */
const ADD_MODEL = Buffer.from(
  'CAg6RgoSCgF4CgF4EgF5GgAiA0FkZDoAEgR0ZXN0WhQKAXgSDwoNCAESCQoDEgFuCgIIAWIUCgF5Eg8KDQgBEgkKAxIBbgoCCAFCBAoAEBE=',
  'base64',
)

/** A file of the result holds this many of the rows. */
const ROWS_PER_PART = 256

/** A job of one-row shards, each a lease, an engine run, a receipt and a place in the result of its own. */
export class OneRowJobs {
  readonly #cluster: LocalCluster
  readonly #folder: string
  #runs = 0

  constructor(cluster: LocalCluster, folder: string) {
    this.#cluster = cluster
    this.#folder = folder
  }

  /**
   * Shards a second from submission to the last durable part. No two jobs share a row: workers remember results.
   * Throws when a value is not what the graph gives.
   */
  async run(shards: number, options: { readonly maxShardsInFlight?: number } = {}): Promise<number> {
    const run = this.#runs++
    const files = { model: join(this.#folder, 'add.onnx'), input: join(this.#folder, `rows-${run}.arrow`) }
    const outputDir = join(this.#folder, `result-${run}`)
    const x = Float32Array.from({ length: shards }, (_, i) => run * (1 << 20) + i)
    await writeFile(files.model, ADD_MODEL)
    await writeFile(files.input, arrowFile([toRowBatch({ x: tensorOf(x, [shards, 1]) })]))
    const startMs = performance.now()
    const job = await this.#cluster.client.infer({
      ...files,
      outputDir,
      rowsPerShard: 1,
      rowsPerPart: ROWS_PER_PART,
      ...options,
    })
    const status = await job.done()
    const ms = performance.now() - startMs
    await assertDoubled(outputDir, x, status)
    return (shards / ms) * 1_000
  }
}

async function assertDoubled(outputDir: string, x: Float32Array, status: JobStatus): Promise<void> {
  const { y } = await readParts(outputDir)
  const found = y && (typedArrayOf(y) as Float32Array)
  const wrong = x.findIndex((value, i) => found?.[i] !== value * 2)
  if (wrong >= 0 || found?.length !== x.length) throw new Error(`row ${wrong} of ${outputDir} is not 2 x`)
  const { emitted, done, copies, retries } = status.shards
  const receipts = status.workers.reduce((sum, worker) => sum + worker.shards, 0)
  if (receipts !== x.length)
    throw new Error(
      `${receipts} receipts for ${x.length} shards (${JSON.stringify({ emitted, done, copies, retries })})`,
    )
}
