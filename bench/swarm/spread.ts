import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '../../runtime/base/index.ts'
import { readParts } from '../../runtime/data/sources/index.ts'
import { arrowFile, toRowBatch } from '../../runtime/data/tensor/arrow.ts'
import { tensorOf } from '../../runtime/data/tensor/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { LinkProxy, linkFlags } from '../../test/support/link/link-proxy.ts'
import { CLEAR } from '../../test/support/link/network.ts'
import { model, tensor, value } from '../../test/support/onnx-models.ts'
import { type Check, round, type SuiteOptions } from '../report.ts'

const SEED = 40
const WORKERS = 4
const COLUMNS = 256
const ROWS = 39_062
/** What travels: a table of 40 MB, of which each shard needs one row. */
const BLOB_BYTES = ROWS * COLUMNS * 4
/** 20 Mbit/s, with 100 ms of queue: a home's line, the same in both directions. */
const LINE = { bytesPerS: 2_500_000, burstBytes: 32_000, queueBytes: 250_000 }

/**
 * A model of 40 MB goes to four workers, every node behind a line of 20 Mbit/s each way: passed on among the workers,
 * against each of them fetching it from the submitter alone.
 */
export async function spreadChecks({ say }: Pick<SuiteOptions, 'say'>): Promise<readonly Check[]> {
  const folder = await mkdtemp(join(tmpdir(), 'aivida-bench-'))
  try {
    const job = await writeJob(folder)
    const swarm = await spread(folder, 'swarm', job, [])
    say(`swarm: ${describe(swarm)}`)
    const star = await spread(folder, 'star', job, ['--no-share-blobs'])
    say(`star: ${describe(star)}`)
    return [
      { name: 'swarm_vs_star', value: round(star.seconds / swarm.seconds), unit: 'x', gate: '>= 2' },
      { name: 'submitter_up_x', value: round(swarm.upBytes / BLOB_BYTES), unit: 'x', gate: '<= 1.5' },
      { name: 'swarm_s', value: round(swarm.seconds), unit: 's' },
      { name: 'star_s', value: round(star.seconds), unit: 's' },
      { name: 'star_submitter_up_x', value: round(star.upBytes / BLOB_BYTES), unit: 'x' },
      { name: 'suspected', value: swarm.suspected + star.suspected, unit: 'times', goal: '<= 0' },
    ]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Spread {
  readonly seconds: number
  /** What left the submitter's line meanwhile, everything included. */
  readonly upBytes: number
  /** How often the submitter took a worker for lost while its line was full. */
  readonly suspected: number
  readonly proxyCpu: number
}

const describe = ({ seconds, upBytes, proxyCpu }: Spread) =>
  `${seconds.toFixed(1)} s, ${(upBytes / BLOB_BYTES).toFixed(2)} copies up; the proxy took ${(proxyCpu * 100).toFixed(0)} % of a core`

interface Job {
  readonly model: string
  readonly input: string
  readonly table: Float32Array
}

/** From submission until every worker has computed its one shard, for which it needs the whole table. */
async function spread(folder: string, name: string, job: Job, flags: readonly string[]): Promise<Spread> {
  await using proxy = LinkProxy.start({ terms: { ...CLEAR, seed: SEED, up: LINE, down: LINE } })
  await using cluster = await LocalCluster.start({ workers: WORKERS, flags, ...linkFlags(proxy) })
  const { model, input, table } = job
  const outputDir = join(folder, name)
  const before = await proxy.counts()
  const startMs = performance.now()
  const running = await cluster.client.infer({ model, input, outputDir, rowsPerShard: 1 })
  let suspected = 0
  const watching = new AbortController()
  const watched = (async () => {
    for await (const event of cluster.client.events({ signal: watching.signal }))
      if (event.type === 'peer' && event.peer.state !== 'alive') suspected++
  })().catch(() => {}) // ended with the job
  const status = await running.done()
  const ms = performance.now() - startMs
  watching.abort()
  await watched
  const after = await proxy.counts()
  if (status.workers.length !== WORKERS) throw new Error(`${status.workers.length} workers computed, not ${WORKERS}`)
  await assertRight(outputDir, table)
  const up = (counts: typeof after) => counts.lines.submitter?.upBytes ?? 0
  return {
    seconds: ms / 1_000,
    upBytes: up(after) - up(before),
    suspected,
    proxyCpu: (after.cpuMs - before.cpuMs) / ms,
  }
}

/** Row `i` of the input asks for row `ROWS - 1 - i` of the table. */
async function writeJob(folder: string): Promise<Job> {
  const bytes = seededRandom(SEED).bytes(1 << 16)
  const table = new Float32Array(ROWS * COLUMNS)
  const data = new Uint8Array(table.buffer)
  // Each piece is another one, so that no chunk is like another; numbers are kept finite.
  for (let at = 0; at < table.length; at++) table[at] = (bytes[at % bytes.length]! - 128) * (1 + at / table.length)
  const graph = model({
    nodes: [{ op: 'Gather', inputs: ['table', 'row'], outputs: ['y'] }],
    inputs: [value('row', 'int64', ['n'])],
    outputs: [value('y', 'float32', ['n', COLUMNS])],
    initializers: [tensor('table', 'float32', [ROWS, COLUMNS], data)],
  })
  const row = tensorOf(BigInt64Array.from({ length: WORKERS }, (_, i) => BigInt(ROWS - 1 - i)))
  const files = { model: join(folder, 'table.onnx'), input: join(folder, 'rows.arrow') }
  await writeFile(files.model, graph)
  await writeFile(files.input, arrowFile([toRowBatch({ row })]))
  return { ...files, table }
}

async function assertRight(outputDir: string, table: Float32Array): Promise<void> {
  const found = await readParts(outputDir)
  const rows = Array.from({ length: WORKERS }, (_, i) => {
    const row = ROWS - 1 - i
    return Buffer.from(table.buffer, row * COLUMNS * 4, COLUMNS * 4)
  })
  if (!found.y || !Buffer.concat(rows).equals(found.y.data)) throw new Error('the result is not what the table holds')
}
