import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Random } from '../../runtime/base/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { disturbedJob } from '../support/disturbed-job.ts'
import { audit, restartedJob, type Victim } from '../support/restarted-job.ts'
import { slowJob } from '../support/slow-rows.ts'

/** Kills within one job. */
const KILLS_PER_JOB = 4

/** Jobs of different kinds: outputs that travel with their receipt, outputs that are blobs, more shards than fit a window. */
const KINDS = [
  { what: 'small outputs', rows: 400, rowsPerShard: 4, layers: 500 },
  { what: 'large outputs', rows: 8_000, rowsPerShard: 40, layers: 120 },
  { what: 'many shards', rows: 900, rowsPerShard: 1, layers: 300 },
] as const

/** Kills submitters `count` times, workers `count` times and all of them at once, at random moments of jobs. */
export async function soakDurable(count: number, random: Random): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'aivida-durable-'))
  const expected = new Map<string, readonly string[]>()
  const total = { computed: 0, unknown: 0, kills: 0, jobs: 0 }
  const wanted = { submitter: count, worker: count, all: Math.max(1, Math.round(count / 10)) }
  for (const victim of ['all', 'submitter', 'worker'] as const)
    while (wanted[victim] > 0) {
      const victims = Array.from({ length: Math.min(wanted[victim], KILLS_PER_JOB) }, () => victim)
      const done = await oneJob(folder, expected, total.jobs++, victims, random)
      wanted[victim] -= done.kills
      total.kills += done.kills
      total.computed += done.computed
      total.unknown += done.unknown
    }
  console.log(
    `${total.kills} kills in ${total.jobs} jobs: same bytes, each shard accepted once, nothing finished was computed again ` +
      `(${total.computed} computations, ${total.unknown} begun while the worker that had finished was away)`,
  )
  await rm(folder, { recursive: true, force: true })
}

async function oneJob(
  folder: string,
  expected: Map<string, readonly string[]>,
  i: number,
  victims: readonly Victim[],
  random: Random,
): Promise<{ kills: number; computed: number; unknown: number }> {
  const { what, ...size } = KINDS[i % KINDS.length]!
  const files = { ...(await slowJob(folder, size)), ...size }
  if (!expected.has(what)) {
    const quiet = await LocalCluster.start({ workers: 0, slots: 2 })
    const { hashes } = await disturbedJob(quiet, { ...files, outputDir: join(folder, what) })
    await quiet.stop()
    expected.set(what, hashes)
  }
  const dir = join(folder, `run-${i}`)
  const cluster = await LocalCluster.start({ workers: 2, dir })
  const job = await restartedJob(cluster, { ...files, outputDir: join(folder, `result-${i}`), victims, random })
  await cluster.stop()
  assert.equal(job.hashes, expected.get(what), 'the bytes of every part')
  const { computed, recomputed } = await audit(cluster, [job])
  const parts = job.hashes.length
  console.log(
    `${i + 1}: ${what}; killed ${job.kills.join(', ') || 'nobody'}: same bytes, ${computed.length} of ${parts} computed`,
  )
  for (const line of recomputed.unknown) console.log(`   begun while its worker was away, and could not tell: ${line}`)
  await rm(dir, { recursive: true, force: true })
  return { kills: job.kills.length, computed: computed.length, unknown: recomputed.unknown.length }
}
