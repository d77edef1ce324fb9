// timeout: 120 s
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import { jobCluster } from '../../support/job-cluster.ts'
import {
  acceptances,
  doubled,
  type JobNode,
  type Rows,
  restartedJobs,
  resultOf,
  resumeJob,
  submit,
} from '../../support/virtual-jobs.ts'
import type { VirtualSwarm } from '../../support/virtual-swarm.ts'

/** Outputs that do not fit a message, of two rows. */
const LARGE = 20_000

const status = (node: JobNode, job: string) => node.coordinator.status(job)!
const isDone = (node: JobNode, job: string) => status(node, job)?.state === 'done'
const runs = (...nodes: JobNode[]) => nodes.flatMap(({ engine }) => engine.runs)

/** Kills a submitter, lets time pass, and takes its job up again in a new process. */
async function back(swarm: VirtualSwarm, s: JobNode, job: string, awayMs: number): Promise<JobNode> {
  const again = await restartedJobs(swarm, s)
  await swarm.pass(awayMs)
  await resumeJob(again, job)
  await again.startJobs()
  return again
}

/** Ends a job and checks that its result is whole and that nothing was computed more than once. */
async function whole(swarm: VirtualSwarm, s: JobNode, job: string, rows: number, workers: JobNode[]) {
  await swarm.until(() => status(s, job).state !== 'running', 120_000, 'the end of the job')
  await swarm.pass(1_000)
  assert.is(status(s, job).state, 'done', JSON.stringify(status(s, job).error))
  assert.equal(resultOf(s, job), doubled(rows))
  assert.equal(new Set(acceptances(s, job)), new Set([1]))
  const computed = runs(...workers)
  assert.is(computed.length, new Set(computed).size, 'no shard was computed twice')
  for (const { kept, worker } of workers) {
    assert.equal(kept.blobs.pinned('owed').roots, [], 'outputs are let go')
    assert.equal(worker.load(), { running: 0, queued: 0 })
  }
}

for (const width of [1, LARGE])
  test(`results that wait for the others of their part are not lost with the submitter (width ${width})`, async () => {
    const [swarm, s, a, b] = await jobCluster('a', 'b')
    const { job } = await submit(s, { rows: 11, rowsPerShard: 1, width, request: { rowsPerPart: 4 } })
    await swarm.until(() => acceptances(s, job).length >= 6, 20_000)
    assert.equal([s.kept.parts.length, status(s, job).shards.done], [1, 4], 'two are here, but their part is not whole')
    await swarm.pass(500)
    const again = await back(swarm, s, job, 1_000)
    await whole(swarm, again, job, 11, [a, b])
    assert.equal(
      again.kept.parts.map(({ index, values }) => [index, values.length]),
      [
        [0, 4],
        [1, 4],
        [2, 3],
      ],
    )
    assert.is(status(again, job).shards.done, 11)
    await swarm.stop()
  })

test('shards add up at any time, across a restart', async () => {
  const [swarm, s, a] = await jobCluster('a')
  let seen = 0
  const look = (node: JobNode, job: string) => {
    const { emitted, waiting, running, writing, done, failed } = status(node, job).shards
    assert.is(waiting + running + writing + done + failed, emitted)
    assert.ok(emitted >= seen && emitted <= 11, `${emitted} emitted after ${seen}, of 11`)
    seen = emitted
    return { writing, done }
  }
  s.kept.writeMs = 3_000
  const { job } = await submit(s, { rows: 11, rowsPerShard: 1, request: { rowsPerPart: 4 } })
  await swarm.until(() => look(s, job).writing >= 2, 20_000, 'results that wait for their part')
  await swarm.until(() => look(s, job).done === 4, 60_000)
  const again = await restartedJobs(swarm, s)
  again.kept.writeMs = 1_000
  await swarm.pass(1_000)
  seen = 4 // what was read and not durable is read again
  await resumeJob(again, job)
  look(again, job)
  await again.startJobs()
  await swarm.until(() => look(again, job).done > 4, 60_000)
  await whole(swarm, again, job, 11, [a])
  assert.equal([look(again, job), seen], [{ writing: 0, done: 11 }, 11])
  await swarm.stop()
})

for (const [what, width] of [
  ['small', 1],
  ['large', LARGE],
] as const) {
  const rows: Rows = { rows: 12, rowsPerShard: 2, width }

  for (const awayMs of [500, 5_000, 30_000])
    test(`${what} outputs: a submitter away for ${awayMs} ms finds its leases and results again`, async () => {
      const [swarm, s, a, b] = await jobCluster('a', 'b')
      b.engine.computeMs = 40_000 // at work all the while
      const { job } = await submit(s, rows)
      await swarm.until(() => status(s, job).shards.done >= 2, 20_000)
      await swarm.pass(500) // one is under way
      const again = await back(swarm, s, job, awayMs)
      await whole(swarm, again, job, 12, [a, b])
      await swarm.stop()
    })

  test(`${what} outputs: a part that was not durable yet is fetched again, not computed again`, async () => {
    const [swarm, s, a] = await jobCluster('a')
    s.kept.writeMs = 20_000
    const { job } = await submit(s, { ...rows, rows: 4 })
    await swarm.until(() => a.engine.runs.length === 2 && a.engine.running === 0, 10_000)
    await swarm.pass(2_000) // both results are accepted, none is on disk
    assert.equal(s.kept.parts, [])
    const again = await back(swarm, s, job, 1_000)
    again.kept.writeMs = 0
    await whole(swarm, again, job, 4, [a])
    await swarm.stop()
  })

  test(`${what} outputs: a worker that dies before it can report offers its journalled receipts`, async () => {
    const [swarm, s, a] = await jobCluster('a')
    const { job } = await submit(s, { ...rows, rows: 2 })
    await swarm.until(() => a.engine.running === 1, 5_000)
    swarm.cut(s, a)
    await swarm.pass(1_500) // finished, journalled, not heard
    assert.is(a.engine.running, 0)
    const again = await restartedJobs(swarm, a)
    swarm.heal(s, a)
    await again.startJobs()
    await whole(swarm, s, job, 2, [a, again])
    await swarm.stop()
  })

  test(`${what} outputs: submitter and worker killed together lose nothing that was finished`, async () => {
    const [swarm, s, a] = await jobCluster('a')
    const { job } = await submit(s, rows)
    await swarm.until(() => status(s, job).shards.done >= 2, 20_000)
    swarm.cut(s, a)
    await swarm.pass(1_200)
    const finished = a.engine.runs.slice(0, a.engine.runs.length - a.engine.running)
    const a2 = await restartedJobs(swarm, a)
    const s2 = await back(swarm, s, job, 1_000)
    swarm.heal(s, a)
    await a2.startJobs()
    await swarm.until(() => isDone(s2, job), 60_000)
    assert.equal(resultOf(s2, job), doubled(12))
    assert.equal(
      finished.filter((shard) => a2.engine.runs.includes(shard)),
      [],
    )
    await swarm.stop()
  })
}

test('how many workers a job may have is known after a restart, and changes while it runs', async () => {
  const [swarm, s, a, b] = await jobCluster('a', 'b')
  const { job } = await submit(s, { rows: 40, rowsPerShard: 1 })
  await s.coordinator.scale(job, 1)
  assert.is(status(s, job).maxWorkers, 1)
  await swarm.until(() => status(s, job).shards.done >= 4, 20_000)
  const again = await back(swarm, s, job, 1_000)
  assert.is(status(again, job).maxWorkers, 1)
  await swarm.until(() => status(again, job).shards.done >= 12, 60_000)
  await swarm.pass(500)
  const busy = [a, b].filter(({ worker }) => worker.load().running > 0)
  assert.is(busy.length, 1, 'one of two')
  await again.coordinator.scale(job, 2)
  await swarm.until(() => [a, b].every(({ worker }) => worker.load().running > 0), 5_000, 'both are at work')
  await whole(swarm, again, job, 40, [a, b])
  const refused = await again.coordinator.scale(job, 2).catch((error) => error)
  assert.is(refused.code, 'job.ended')
  await swarm.stop()
})

test('a worker that dies while its outputs are fetched is waited for', async () => {
  const [swarm, s, a, b] = await jobCluster('a', 'b')
  b.engine.computeMs = 500
  const { blobs } = a.kept
  const open = blobs.open.bind(blobs)
  blobs.open = async (...args) => {
    await new Promise<void>((resolve) => void swarm.clock.after(60_000, resolve)) // the disk hangs
    return open(...args)
  }
  const request = { requirements: { nodes: [a.peer, b.peer] } }
  const { job } = await submit(s, { rows: 2, rowsPerShard: 2, width: LARGE, request })
  await swarm.until(() => a.engine.runs.length + b.engine.runs.length === 1, 5_000)
  await swarm.pass(3_000)
  blobs.open = open
  const again = await restartedJobs(swarm, a)
  await swarm.pass(4_000)
  await again.startJobs()
  await whole(swarm, s, job, 2, [a, again, b])
  await swarm.stop()
})

test('a worker that dies with its outputs is not waited for for ever', async () => {
  const [swarm, s, a, b] = await jobCluster('a', 'b')
  b.engine.computeMs = 8_000
  const { job } = await submit(s, { rows: 4, rowsPerShard: 2, width: LARGE })
  await swarm.until(() => a.engine.running === 1, 5_000)
  swarm.cut(s, a)
  await swarm.pass(1_500)
  a.die()
  const tookMs = await swarm.until(() => isDone(s, job), 60_000)
  assert.ok(tookMs < limit('lostAfterMs') + limit('returnMs') + 20_000, `${tookMs} ms`)
  assert.equal(resultOf(s, job), doubled(4))
  await swarm.stop()
})

test('what a restarted worker was at is leased again at once, not when its leases lapse', async () => {
  const [swarm, s, a] = await jobCluster('a')
  const { job } = await submit(s, { rows: 4, rowsPerShard: 2 })
  await swarm.until(() => a.engine.running === 1, 5_000)
  const again = await restartedJobs(swarm, a)
  await again.startJobs()
  const tookMs = await swarm.until(() => isDone(s, job), 30_000)
  assert.ok(tookMs < 8_000, `${tookMs} ms`)
  await swarm.stop()
})

test('a resumed job waits for the workers it had, and for no longer than a restart takes', async () => {
  const [swarm, s, a, b] = await jobCluster('a', 'b')
  const { job } = await submit(s, { rows: 12, rowsPerShard: 2 })
  await swarm.until(() => status(s, job).shards.done >= 2, 20_000)
  a.die()
  const before = b.engine.runs.length
  const again = await back(swarm, s, job, 1_000)
  await swarm.pass(limit('returnMs') - 1_000)
  assert.ok(b.engine.runs.length <= before + 1, 'what it holds is not given away')
  await swarm.until(() => isDone(again, job), 30_000)
  assert.equal(resultOf(again, job), doubled(12))
  await swarm.stop()
})

test('a resumed job whose workers are all here goes on at once', async () => {
  const [swarm, s, a] = await jobCluster('a')
  const { job } = await submit(s, { rows: 12, rowsPerShard: 2 })
  await swarm.until(() => status(s, job).shards.done >= 2, 20_000)
  const again = await back(swarm, s, job, 200)
  const left = 4
  const tookMs = await swarm.until(() => isDone(again, job), 30_000)
  assert.ok(tookMs < left * a.engine.computeMs + 2_500, `${tookMs} ms`)
  await swarm.stop()
})

test('an input that was changed meanwhile fails the job: parts of two inputs never become one result', async () => {
  const [swarm, s] = await jobCluster('a')
  const { job } = await submit(s, { rows: 12, rowsPerShard: 2 })
  await swarm.until(() => status(s, job).shards.done >= 2, 20_000)
  const again = await restartedJobs(swarm, s)
  again.kept.sourceChanges = 1
  await resumeJob(again, job)
  await again.startJobs()
  await swarm.until(() => status(again, job).state !== 'running', 5_000)
  assert.equal([status(again, job).error?.code, status(again, job).rows.done], ['source.changed', 4])
  await swarm.stop()
})

test('leases of a job that has ended meanwhile are called off', async () => {
  const [swarm, s, a] = await jobCluster('a')
  a.engine.computeMs = 30_000
  const { job } = await submit(s, { rows: 8, rowsPerShard: 2 })
  await swarm.until(() => a.engine.running === 1, 5_000)
  swarm.cut(s, a)
  await swarm.outcome(s.coordinator.cancel(job, 'a test'))
  const again = await restartedJobs(swarm, s)
  swarm.heal(s, a)
  const other = await submit(again, { rows: 2, rowsPerShard: 2, width: 2 })
  await again.startJobs()
  await swarm.pass(2_000)
  assert.is(a.worker.load().queued <= 1, true, 'what waited is gone, the new lease may wait')
  await swarm.until(() => isDone(again, other.job), 90_000)
  assert.is(a.engine.runs.length, 2)
  await swarm.stop()
})

test.run()
