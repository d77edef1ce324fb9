import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import type { Random } from '../../runtime/base/index.ts'
import { LocalCluster, type LocalNode } from '../../runtime/local-cluster/index.ts'
import { exactJob } from '../support/exact-job.ts'
import { LinkProxy, linkFlags } from '../support/link/link-proxy.ts'

/** A bad link: packets lost, late, and now and then out of order. */
const LINK = { lossShare: 0.02, delayMs: 50, jitterMs: 5, reorderShare: 0.005 }
const WORKERS = 4
const KILL_EVERY_MS = 5_000
/** A job that takes longer than this hangs. */
const JOB_MS = 180_000
const SAMPLE_MS = 2_500
/** Columns of a model: most jobs have a small one, every third one of two chunks, which workers pass on. */
const [SMALL, TWO_CHUNKS] = [160, 520]
const LAYERS = 60
/** How often a kill comes with new outside ports for everybody, as when a router starts anew. */
const REBIND_SHARE = 0.2
const ROWS = 48
/** Descriptors that come and go: connections to restarted workers, an engine child, open files. */
const DESCRIPTORS_SLACK = 12

/**
 * Jobs one after the other over a bad link while a worker is killed every five seconds and started anew. Every byte of
 * every result is checked; descriptors and memory of the nodes that live through it all are followed.
 */
export async function soakSwarm(seconds: number, random: Random): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'aivida-soak-'))
  const seed = Math.floor(random.float() * 2 ** 31)
  try {
    await using proxy = LinkProxy.start({ terms: { seed, ...LINK } })
    await using cluster = await LocalCluster.start({ workers: WORKERS, ...linkFlags(proxy) })
    const survivors = [cluster.submitter, cluster.workers[WORKERS - 1]!]
    const stop = new AbortController()
    const untilMs = performance.now() + seconds * 1_000
    const watching = watch(survivors, stop.signal)
    const killing = kill(cluster, proxy, random, stop.signal)
    let jobs = 0
    const running = (async () => {
      for (; performance.now() < untilMs; jobs++) await runJob(cluster, folder, jobs, random)
    })()
    await Promise.race([running, killing]).finally(() => stop.abort())
    const [kills, samples] = [await killing, await watching]
    const { lines, mappings } = await proxy.counts()
    const lost = Object.values(lines).reduce((sum, line) => sum + line.lost, 0)
    console.log(
      `${jobs} jobs right to the byte through ${kills} kills; ${lost} datagrams lost, ${mappings} outside ports`,
    )
    for (const { name } of survivors) report(name, samples.get(name)!)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** One job with a model and rows of its own; what it gives is known without computing it. */
async function runJob({ client }: LocalCluster, folder: string, number: number, random: Random): Promise<void> {
  const startMs = performance.now()
  const size = number % 3 === 0 ? TWO_CHUNKS : SMALL
  const exact = await exactJob(folder, `job-${number}`, { rows: ROWS, size, layers: LAYERS, random })
  const { model, input, outputDir } = exact
  const job = await client.infer({ model, input, outputDir, rowsPerShard: 4 })
  const hung = setTimeout(() => void job.cancel('it takes too long').catch(() => {}), JOB_MS)
  const { workers, shards } = await job.done().finally(() => clearTimeout(hung))
  await exact.check()
  await exact.remove()
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1)
  console.log(
    `job ${number}: ${seconds} s, ${workers.length} workers, ${shards.copies} copies, ${shards.retries} retries`,
  )
}

/** Kills one worker at a time, any but the last one, and starts it anew. */
async function kill(cluster: LocalCluster, proxy: LinkProxy, random: Random, signal: AbortSignal): Promise<number> {
  let kills = 0
  while (!signal.aborted) {
    await sleep(KILL_EVERY_MS, undefined, { signal }).catch(() => {})
    if (signal.aborted) break
    const worker = cluster.workers[Math.floor(random.float() * (WORKERS - 1))]!
    await worker.kill('SIGKILL')
    if (random.float() < REBIND_SHARE) await proxy.rebind()
    await worker.restart()
    await proxy.runs(worker.name, worker.pid)
    kills++
  }
  return kills
}

interface Sample {
  readonly minutes: number
  readonly descriptors: number
  readonly rssMb: number
}

async function watch(nodes: readonly LocalNode[], signal: AbortSignal): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(nodes.map(({ name }) => [name, []]))
  const startMs = performance.now()
  while (!signal.aborted) {
    for (const { name, pid } of nodes) {
      const [files, status] = await Promise.all([readdir(`/proc/${pid}/fd`), readFile(`/proc/${pid}/status`, 'utf8')])
      const rssMb = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1_000
      samples.get(name)!.push({ minutes: (performance.now() - startMs) / 60_000, descriptors: files.length, rssMb })
    }
    await sleep(SAMPLE_MS, undefined, { signal }).catch(() => {})
  }
  return samples
}

/** Says what a node used; throws when its descriptors keep growing. The first third is warming up. */
function report(name: string, all: readonly Sample[]): void {
  const samples = all.slice(Math.floor(all.length / 3))
  const third = Math.ceil(samples.length / 3)
  const least = (some: readonly Sample[]) => Math.min(...some.map(({ descriptors }) => descriptors))
  const [early, late] = [least(samples.slice(0, third)), least(samples.slice(-third))]
  const slope = slopeOf(samples.map(({ minutes, rssMb }) => [minutes, rssMb]))
  const [first, last] = [samples[0]!.rssMb, samples.at(-1)!.rssMb]
  console.log(
    `${name}: descriptors ${early} -> ${late}; memory ${first.toFixed(0)} -> ${last.toFixed(0)} MB, ${slope.toFixed(2)} MB/min`,
  )
  assert.ok(late - early <= DESCRIPTORS_SLACK, `${name} leaks descriptors: ${early} at first, ${late} at last`)
}

/** Slope of a straight line through points, by least squares. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (of: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [meanX, meanY] = [mean(([x]) => x), mean(([, y]) => y)]
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread
}
