// timeout: 120 s
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readParts } from '../../runtime/data/sources/index.ts'
import { typedArrayOf } from '../../runtime/data/tensor/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { type DisturbedJob, disturbedJob } from '../support/disturbed-job.ts'
import { slowJob, slowRow } from '../support/slow-rows.ts'

const [ROWS, LAYERS] = [160, 900]
const test = suite('a job while workers are lost')
const folder = await mkdtemp(join(tmpdir(), 'aivida-loss-'))
// The undisturbed run has a cluster of its own: workers remember results, and would give them instead of computing.
const [cluster, quiet] = await Promise.all([
  LocalCluster.start({ workers: 3 }),
  LocalCluster.start({ workers: 0, slots: 2 }),
])
const files = { ...(await slowJob(folder, { rows: ROWS, layers: LAYERS })), rows: ROWS }

let undisturbed: DisturbedJob

test('undisturbed, it gives every row once', async () => {
  const outputDir = join(folder, 'undisturbed')
  undisturbed = await disturbedJob(quiet, { ...files, outputDir })
  assert.is(undisturbed.hashes.length, ROWS / 4)
  const { y } = await readParts(outputDir)
  const values = typedArrayOf(y!) as Float32Array
  for (const row of [0, ROWS / 2, ROWS - 1]) {
    const expected = slowRow({ rows: ROWS, layers: LAYERS }, row)
    assert.equal([...values.subarray(row * expected.length, (row + 1) * expected.length)], expected)
  }
})

test('a killed and a stopped worker change nothing of the result', async () => {
  const [killed, stopped] = cluster.workers
  const { events, hashes } = await disturbedJob(cluster, {
    ...files,
    outputDir: join(folder, 'disturbed'),
    disturbAt: 1 / 3,
    disturb: async () => {
      await stopped!.kill('SIGSTOP')
      await killed!.kill('SIGKILL')
    },
  })
  assert.equal(hashes, undisturbed.hashes, 'the bytes of every part')
  const shards = events.filter((event) => event.type === 'shard')
  for (const lapse of shards.filter(({ phase }) => phase === 'lapsed')) {
    const leased = shards.filter(
      ({ phase, shard, seq }) => phase === 'leased' && shard === lapse.shard && seq < lapse.seq,
    )
    assert.ok(leased.length > 1, `${lapse.shard} was revoked before it was copied`)
  }
  const names = new Set([killed!.name, stopped!.name])
  for await (const event of cluster.client.events({ signal: AbortSignal.timeout(30_000) })) {
    if (event.type === 'peer' && event.peer.state !== 'alive') names.delete(event.peer.name)
    if (names.size === 0) break
  }
  assert.equal([...names], [], 'neither is taken for alive')
  await stopped!.kill('SIGCONT')
})

test('a cancelled job ends at once', async () => {
  const { model, input } = files
  const job = await cluster.client.infer({ model, input, outputDir: join(folder, 'cancelled') })
  for await (const event of job.events()) if (event.type === 'job' && event.status.shards.running > 0) break
  const status = await job.cancel('a test')
  assert.is(status.state, 'cancelled')
  assert.match(status.error?.message ?? '', /a test/)
})

test.after(async () => {
  await Promise.all([cluster.stop(), quiet.stop()])
  await rm(folder, { recursive: true, force: true })
})
test.run()
