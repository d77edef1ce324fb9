import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Random } from '../../runtime/base/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { disturbedJob } from '../support/disturbed-job.ts'
import { slowJob } from '../support/slow-rows.ts'

const ROWS = 160

/** Kills one worker, and kills or stops another, at a random moment of each of `runs` jobs. */
export async function soakWorkers(runs: number, random: Random): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'aivida-soak-'))
  const files = { ...(await slowJob(folder, { rows: ROWS, layers: 600 })), rows: ROWS }
  const quiet = await LocalCluster.start({ workers: 0, slots: 2 })
  const expected = await disturbedJob(quiet, { ...files, outputDir: join(folder, 'undisturbed') })
  await quiet.stop()
  for (let i = 0; i < runs; i++) {
    const cluster = await LocalCluster.start({ workers: 3 })
    const [first, second] = cluster.workers
    const signal = random.float() < 0.5 ? 'SIGKILL' : 'SIGSTOP'
    const disturbAt = random.float()
    const disturb = async () => {
      await first!.kill('SIGKILL')
      await second!.kill(signal)
    }
    const { hashes } = await disturbedJob(cluster, {
      ...files,
      outputDir: join(folder, `run-${i}`),
      disturbAt,
      disturb,
    })
    await cluster.stop()
    assert.equal(hashes, expected.hashes, `run ${i}: the bytes of every part`)
    console.log(`${i + 1}: killed one, ${signal} to another at ${Math.round(disturbAt * 100)} %: same bytes`)
  }
  await rm(folder, { recursive: true, force: true })
}
