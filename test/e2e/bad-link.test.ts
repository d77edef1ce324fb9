// timeout: 120 s
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../runtime/base/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { exactJob } from '../support/exact-job.ts'
import { LinkProxy, linkFlags } from '../support/link/link-proxy.ts'

const SEED = 11
const test = suite('a job over a bad link')
const folder = await mkdtemp(join(tmpdir(), 'aivida-link-'))

test('packets are lost, late and overtaken, and every outside port changes: the result is right', async () => {
  const terms = { seed: SEED, lossShare: 0.02, delayMs: 20, jitterMs: 5, reorderShare: 0.01 }
  await using proxy = LinkProxy.start({ terms, nat: { perDestination: true } })
  await using cluster = await LocalCluster.start({ workers: 2, ...linkFlags(proxy) })
  const exact = await exactJob(folder, 'job', { rows: 96, size: 128, layers: 400, random: seededRandom(SEED) })
  const { model, input, outputDir } = exact
  const job = await cluster.client.infer({ model, input, outputDir, rowsPerShard: 4 })
  let rebound = false
  for await (const event of job.events()) {
    if (rebound || event.type !== 'job' || event.status.rows.done < 24) continue
    rebound = true
    await proxy.rebind()
  }
  assert.is((await job.done()).state, 'done')
  await exact.check()
  const { lines } = await proxy.counts()
  assert.ok(Object.values(lines).some(({ lost }) => lost > 0))
  assert.ok(rebound)
})

test.after(() => rm(folder, { recursive: true, force: true }))
test.run()
