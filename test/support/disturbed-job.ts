import * as assert from 'uvu/assert'
import type { LocalCluster } from '../../runtime/local-cluster/index.ts'
import type { JobStatus, NodeEvent } from '../../runtime/protocol/index.ts'

/** A job, and what happens to its cluster meanwhile. */
export interface DisturbedJobInit {
  readonly model: string
  readonly input: string
  readonly rows: number
  /** Default: 4. */
  readonly rowsPerShard?: number
  readonly outputDir: string
  /** Called once, when this share of the rows is done. */
  readonly disturbAt?: number
  readonly disturb?: () => Promise<void>
}

/** What a job gave, in hashes of its parts, and how. */
export interface DisturbedJob {
  readonly status: JobStatus
  readonly events: readonly NodeEvent[]
  readonly hashes: readonly string[]
}

/** Runs a job while something happens, and checks that every row was computed and each shard accepted once. */
export async function disturbedJob(
  { client }: LocalCluster,
  { model, input, outputDir, rows, rowsPerShard = 4, disturbAt = 0, disturb = async () => {} }: DisturbedJobInit,
): Promise<DisturbedJob> {
  const job = await client.infer({ model, input, outputDir, rowsPerShard })
  const events: NodeEvent[] = []
  let disturbed = false
  for await (const event of job.events()) {
    events.push(event)
    if (disturbed || event.type !== 'job' || event.status.rows.done < rows * disturbAt) continue
    disturbed = true
    await disturb()
  }
  const status = await job.done()
  assert.is(status.rows.done, rows, 'every row was computed')
  const accepted = events.flatMap((event) => (event.type === 'shard' && event.phase === 'accepted' ? event.shard : []))
  assert.is(new Set(accepted).size, accepted.length, 'each shard was accepted once')
  return { status, events, hashes: (await job.parts()).map(({ sha256 }) => sha256) }
}
