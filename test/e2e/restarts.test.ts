// timeout: 120 s
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../runtime/base/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { disturbedJob } from '../support/disturbed-job.ts'
import { audit, restartedJob } from '../support/restarted-job.ts'
import { slowJob } from '../support/slow-rows.ts'

// `npm run soak -- durable` does this at many random moments.
const test = suite('jobs through restarts')
const folder = await mkdtemp(join(tmpdir(), 'aivida-restarts-'))
const random = seededRandom(11)

test('submitter, workers and all of them are killed: same bytes, nothing finished is computed again', async () => {
  const small = { rows: 320, rowsPerShard: 4, layers: 500 }
  const large = { rows: 2_400, rowsPerShard: 40, layers: 60 } // outputs are blobs
  const cluster = await LocalCluster.start({ workers: 2, dir: join(folder, 'cluster') })
  const quiet = await LocalCluster.start({ workers: 0, slots: 2 })
  const jobs = []
  try {
    for (const [size, victims] of [
      [small, ['submitter', 'worker', 'all']],
      [large, ['submitter', 'worker']],
    ] as const) {
      const files = { ...(await slowJob(folder, size)), ...size }
      const outputDir = (name: string) => join(folder, `${name}-${size.rows}`)
      const job = await restartedJob(cluster, { ...files, outputDir: outputDir('disturbed'), victims, random })
      const { hashes } = await disturbedJob(quiet, { ...files, outputDir: outputDir('undisturbed') })
      assert.equal(job.hashes, hashes, 'the bytes of every part')
      jobs.push(job)
    }
  } finally {
    await Promise.all([cluster.stop(), quiet.stop()])
  }
  await audit(cluster, jobs)
})

test.after(async () => {
  await rm(folder, { recursive: true, force: true })
})
test.run()
