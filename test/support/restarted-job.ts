import { setTimeout as delay } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import type { Random } from '../../runtime/base/index.ts'
import type { LocalCluster, LocalNode } from '../../runtime/local-cluster/index.ts'
import type { JobStatus } from '../../runtime/protocol/index.ts'
import { type Absence, acceptedParts, type Computed, computedBy, type Recomputed, recomputed } from './finished-work.ts'

/** Who is killed, and started again at once. */
export type Victim = 'submitter' | 'worker' | 'all'

/** A job whose nodes are killed. */
export interface RestartedJobInit {
  readonly model: string
  readonly input: string
  readonly rows: number
  readonly rowsPerShard: number
  readonly outputDir: string
  /** Killed one after the other, at random moments of the job. */
  readonly victims: readonly Victim[]
  readonly random: Random
}

/** What came of it. */
export interface RestartedJob {
  readonly status: JobStatus
  readonly hashes: readonly string[]
  readonly absences: readonly Absence[]
  /** `who at 12 %`, for each kill. */
  readonly kills: readonly string[]
}

/** After the moment by progress, a kill waits up to this, so that it hits any step between two parts. Milliseconds. */
const JITTER_MS = 150

/** Runs a job while nodes are killed and come back; a client follows it through all of that. */
export async function restartedJob(cluster: LocalCluster, init: RestartedJobInit): Promise<RestartedJob> {
  const { victims, random, rows, rowsPerShard, model, input, outputDir } = init
  const job = await cluster.client.infer({ model, input, outputDir, rowsPerShard })
  let latest: JobStatus | undefined
  const followed = (async () => {
    for await (const event of job.events()) if (event.type === 'job') latest = event.status
  })()
  const moments = victims.map(() => random.float()).sort((a, b) => a - b)
  const absences: Absence[] = []
  const kills: string[] = []
  for (const [i, victim] of victims.entries()) {
    while ((latest?.rows.done ?? 0) < rows * moments[i]! && !isOver(latest)) await delay(2)
    await delay(random.float() * JITTER_MS)
    if (isOver(latest)) break
    kills.push(`${victim} at ${Math.round(((latest?.rows.done ?? 0) / rows) * 100)} %`)
    const nodes = nodesOf(cluster, victim, random)
    const fromMs = Date.now()
    await Promise.all(nodes.map((node) => node.kill('SIGKILL')))
    await Promise.all(
      nodes.map(async (node) => {
        await node.restart()
        absences.push({ name: node.name, fromMs, untilMs: Date.now() })
      }),
    )
  }
  await followed
  const status = await job.status()
  assert.equal([latest?.state, status.state], ['done', 'done'], JSON.stringify(status.error))
  assert.is(status.rows.done, rows, 'every row is in the result')
  return { status, hashes: (await job.parts()).map(({ sha256 }) => sha256), absences, kills }
}

/**
 * Reads the journals of a cluster that has ended: each part of its jobs was accepted once, and (unless its worker was
 * away and had not told) no shard was begun after a worker had finished it.
 */
export async function audit(
  { submitter, workers }: LocalCluster,
  jobs: readonly Pick<RestartedJob, 'status' | 'absences'>[],
): Promise<{ readonly computed: readonly Computed[]; readonly recomputed: Recomputed }> {
  for (const { status } of jobs) {
    const parts = await acceptedParts(submitter.dataDir, status.job)
    for (const field of ['index', 'shard'] as const)
      assert.is(new Set(parts.map((part) => part[field])).size, parts.length, `each ${field} was accepted once`)
  }
  const computed = (await Promise.all(workers.map(({ name, dataDir }) => computedBy(name, dataDir)))).flat()
  const again = recomputed(
    computed,
    jobs.flatMap(({ absences }) => absences),
  )
  assert.equal(again.known, [], 'nothing that a worker had finished was computed again')
  return { computed, recomputed: again }
}

function nodesOf({ submitter, workers }: LocalCluster, victim: Victim, random: Random): LocalNode[] {
  if (victim === 'submitter') return [submitter]
  if (victim === 'worker') return [workers[Math.floor(random.float() * workers.length)]!]
  return [submitter, ...workers]
}

const isOver = (status: JobStatus | undefined): boolean => status !== undefined && status.state !== 'running'
