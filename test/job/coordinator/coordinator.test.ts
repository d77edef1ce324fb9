// timeout: 120 s
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AividaError, limit, sleep } from '../../../runtime/base/index.ts'
import {
  type Device,
  type Receipt,
  rowsOf,
  type SignedReceipts,
  signReceipts,
} from '../../../runtime/protocol/index.ts'
import { jobCluster, stateOf } from '../../support/job-cluster.ts'
import {
  acceptances,
  doubled,
  type JobNode,
  resultOf,
  resumeJob,
  submit,
  withJobs,
} from '../../support/virtual-jobs.ts'
import { cpu, VirtualSwarm } from '../../support/virtual-swarm.ts'
import { codeOf } from '../../swarm/identity/sample-keys.ts'

/** Lets time pass until the job has ended; gives back how. */
async function end(swarm: VirtualSwarm, node: JobNode, job: string, limitMs = 120_000) {
  await swarm.until(() => stateOf(node, job) !== 'running', limitMs, 'the end of the job')
  await swarm.pass(1_000) // what is settled and told after it
  return node.coordinator.status(job)!
}

test('a job over three workers: every part right, every shard accepted once', async () => {
  const [swarm, s, ...workers] = await jobCluster('a', 'b', 'c')
  const { job } = await submit(s, { rows: 41, rowsPerShard: 2 })
  const status = await end(swarm, s, job)
  assert.is(status.state, 'done')
  assert.equal(resultOf(s, job), doubled(41))
  assert.equal(acceptances(s, job), Array(21).fill(1))
  const none = { waiting: 0, running: 0, writing: 0, failed: 0, copies: 0, retries: 0 }
  assert.equal(status.shards, { emitted: 21, done: 21, ...none })
  assert.equal(status.rows, { read: 41, done: 41, total: 41 })
  for (const { engine, worker } of workers) {
    assert.is(engine.runs.length, 7, 'the work is shared')
    assert.equal(worker.load(), { running: 0, queued: 0 })
  }
  assert.equal(s.inputs.pinned(job).roots, [], 'inputs are let go')
  await swarm.stop()
})

test('inputs and outputs that do not fit a message travel as blobs, and are let go', async () => {
  const [swarm, s, a, b] = await jobCluster('a', 'b')
  const { job } = await submit(s, { rows: 8, rowsPerShard: 2, width: 150_000 })
  const { state, bytes } = await end(swarm, s, job)
  assert.is(state, 'done')
  assert.equal(resultOf(s, job), doubled(8))
  assert.ok(bytes.sent >= 8 * 4 * 150_000 && bytes.received >= 8 * 4 * 150_000, JSON.stringify(bytes))
  for (const node of [a, b]) assert.equal(node.kept.blobs.pinned('owed').roots, [])
  await swarm.stop()
})

test('a cluster of one computes its own job, large outputs included', async () => {
  const swarm = new VirtualSwarm()
  const node = await withJobs(swarm, await swarm.node('alone'))
  await node.startJobs()
  for (const width of [1, 20_000]) {
    const { job } = await submit(node, { rows: 6, rowsPerShard: 2, width })
    assert.is((await end(swarm, node, job)).state, 'done')
    assert.equal(resultOf(node, job), doubled(6))
  }
  assert.is(node.engine.runs.length, 6)
  await swarm.stop()
})

test('equal batches are computed once', async () => {
  const [swarm, s, a] = await jobCluster('a')
  const { job } = await submit(s, { rows: 3, rowsPerShard: 1, width: 0 })
  const status = await end(swarm, s, job)
  assert.is(status.shards.done, 3)
  assert.is(a.engine.runs.length, 1)
  await swarm.stop()
})

test('the shard of a silent worker is copied, not revoked', async () => {
  const [swarm, s, a, b] = await jobCluster('a', 'b')
  a.engine.computeMs = 8_000
  b.engine.computeMs = 1_000
  const { job } = await submit(s, { rows: 4, rowsPerShard: 2 })
  await swarm.until(() => a.engine.running === 1, 1_000)
  swarm.cut(s, a)
  const tookMs = await swarm.until(() => stateOf(s, job) === 'done', 10_000)
  assert.ok(tookMs <= 2_500 + 1_500, `${tookMs} ms`)
  assert.equal([a.engine.running, a.engine.abortedMs], [1, []], 'it goes on computing')
  assert.equal(resultOf(s, job), doubled(4))
  swarm.heal(s, a)
  await swarm.pass(12_000)
  assert.equal(acceptances(s, job), [1, 1], 'its late receipt changes nothing')
  assert.equal(a.worker.load(), { running: 0, queued: 0 })
  await swarm.stop()
})

test('receipts that wait out a short cut count when they come', async () => {
  const [swarm, s, a] = await jobCluster('a')
  const { job } = await submit(s, { rows: 1, rowsPerShard: 1 })
  await swarm.until(() => a.engine.running === 1, 1_000)
  swarm.cut(s, a)
  await swarm.pass(10_000)
  assert.is(stateOf(s, job), 'running')
  swarm.heal(s, a)
  await swarm.until(() => stateOf(s, job) === 'done', 1_000)
  assert.is(a.engine.runs.length, 1)
  await swarm.stop()
})

test('receipts that a long cut has swallowed are replayed from the journal, not computed again', async () => {
  const [swarm, s, a] = await jobCluster('a')
  const { job } = await submit(s, { rows: 2, rowsPerShard: 1 })
  await swarm.until(() => a.engine.running === 1, 1_000)
  swarm.cut(s, a)
  await swarm.pass(20_000)
  assert.equal([s.swarm.members(), a.swarm.members(), a.engine.runs.length], [[], [], 2])
  swarm.heal(s, a)
  assert.is((await end(swarm, s, job)).state, 'done')
  assert.is(a.engine.runs.length, 2)
  assert.equal(resultOf(s, job), doubled(2))
  await swarm.stop()
})

test('a killed worker costs a copy, and a job without workers waits for one', async () => {
  const [swarm, s, a] = await jobCluster('a')
  const { job } = await submit(s, { rows: 4, rowsPerShard: 1 })
  await swarm.until(() => a.engine.running === 1, 1_000)
  swarm.network.kill(a.peer)
  a.worker.stop()
  await swarm.pass(30_000)
  assert.is(stateOf(s, job), 'running')
  const late = await withJobs(swarm, await swarm.node('late'))
  await late.startJobs()
  assert.is((await end(swarm, s, job)).state, 'done')
  assert.is(late.engine.runs.length, 4)
  assert.equal(resultOf(s, job), doubled(4))
  await swarm.stop()
})

test('a cancelled job ends at once, and its running shards are killed in time', async () => {
  const [swarm, s, a, b] = await jobCluster('a', 'b')
  for (const { engine } of [a, b]) engine.computeMs = 60_000
  const { job } = await submit(s, { rows: 10, rowsPerShard: 1 })
  await swarm.until(() => a.engine.running + b.engine.running === 2, 1_000)
  const cancelledMs = swarm.clock.monoMs()
  await swarm.outcome(s.coordinator.cancel(job, 'changed my mind'))
  await swarm.pass(limit('cancelMs'))
  for (const { engine, worker } of [a, b]) {
    assert.is(engine.abortedMs.length, 1)
    assert.ok(engine.abortedMs[0]! - cancelledMs <= limit('cancelMs'))
    assert.equal(worker.load(), { running: 0, queued: 0 })
  }
  const { state, error } = s.coordinator.status(job)!
  assert.equal([state, error?.code, error?.message], ['cancelled', 'aborted', 'changed my mind'])
  assert.equal(s.inputs.pinned(job).roots, [])
  await swarm.stop()
})

test('a shard that fails everywhere fails the job, which names the causes and calls the rest off', async () => {
  const [swarm, s, a, b] = await jobCluster('a', 'b')
  const poison = new AividaError({ code: 'engine.died', category: 'platform', message: 'the child ran out of memory' })
  for (const node of [a, b]) {
    node.engine.computeMs = 100
    node.engine.failure = ({ spec }) => (rowsOf(spec) === 1 ? poison : undefined) // the last batch is the short one
  }
  const { job } = await submit(s, { rows: 9, rowsPerShard: 2 })
  const { state, error, shards } = await end(swarm, s, job)
  assert.equal([state, error?.code, shards.failed], ['failed', 'job.poison-shard', 1])
  const failures = error?.facts.failures as { peer: string; code: string }[]
  assert.is(failures.length, limit('shardAttempts'))
  assert.equal(new Set(failures.map(({ peer }) => peer)), new Set([a.peer, b.peer]), 'not one machine to blame')
  assert.match(error?.message ?? '', /engine\.died .*ran out of memory/)
  for (const { worker } of [a, b]) assert.equal(worker.load(), { running: 0, queued: 0 })
  await swarm.stop()
})

test('a shard that cannot succeed is not tried as often', async () => {
  const [swarm, s, a] = await jobCluster('a')
  a.engine.failure = () => new AividaError({ code: 'model.shape', category: 'user', message: 'wrong shape' })
  const { job } = await submit(s, { rows: 1, rowsPerShard: 1 })
  const { error } = await end(swarm, s, job)
  assert.equal([error?.code, error?.category, a.engine.runs.length], ['job.poison-shard', 'user', 2])
  await swarm.stop()
})

test('a worker that fails once is tried again', async () => {
  const [swarm, s, a] = await jobCluster('a')
  let failures = 0
  a.engine.failure = () =>
    failures++ < 2 ? new AividaError({ code: 'engine.died', category: 'platform', message: 'died' }) : undefined
  const { job } = await submit(s, { rows: 1, rowsPerShard: 1 })
  const { state, shards } = await end(swarm, s, job)
  assert.equal([state, shards.retries], ['done', 2])
  await swarm.stop()
})

/** Makes a node's disk lose the first `count` outputs that it takes. */
function losing({ kept: { blobs } }: JobNode, count: number): void {
  const put = blobs.put.bind(blobs)
  let lost = 0
  blobs.put = async (content, options) => {
    const ref = await put(content, options)
    if (options?.pin?.owner !== 'owed' || lost++ >= count) return ref
    await blobs.unpin('owed', ref.blob)
    await blobs.evict(Number.MAX_SAFE_INTEGER)
    return ref
  }
}

test('outputs that never come make a poison shard, not an endless job', async () => {
  const [swarm, s, a] = await jobCluster('a')
  losing(a, Number.POSITIVE_INFINITY)
  const { job } = await submit(s, { rows: 2, rowsPerShard: 2, width: 20_000 })
  const { state, error } = await end(swarm, s, job)
  assert.equal([state, error?.code], ['failed', 'job.poison-shard'])
  assert.is(a.engine.runs.length, limit('shardAttempts'))
  assert.match(error?.message ?? '', /blob\.not-found/)
  await swarm.stop()
})

test('outputs that are lost once are computed anew', async () => {
  const [swarm, s, a] = await jobCluster('a')
  losing(a, 1)
  const { job } = await submit(s, { rows: 2, rowsPerShard: 2, width: 20_000 })
  assert.is((await end(swarm, s, job)).state, 'done')
  assert.is(a.engine.runs.length, 2)
  assert.equal(resultOf(s, job), doubled(2))
  await swarm.stop()
})

test('a coordinator that starts anew goes on from its journal under a higher epoch', async () => {
  const [swarm, s, a] = await jobCluster('a')
  const { job, epoch } = await submit(s, { rows: 12, rowsPerShard: 2 })
  await swarm.until(() => s.coordinator.status(job)!.shards.done >= 3, 20_000)
  const done = s.coordinator.parts(job)!.length
  swarm.network.kill(s.peer)
  await swarm.outcome(s.coordinator.stop())
  const again = await withJobs(swarm, await swarm.restarted(s), s.kept)
  await again.startJobs()
  const resumed = await resumeJob(again, job)
  assert.equal([resumed.epoch, resumed.rows.done], [epoch + 1, done * 2])
  assert.is((await end(swarm, again, job)).state, 'done')
  assert.equal(resultOf(again, job), doubled(12), 'each part written once, in all')
  assert.is(again.kept.parts.length, 6)
  assert.ok(a.engine.runs.length <= 6 + 2, `${a.engine.runs.length} runs: known results are not computed again`)
  await swarm.stop()
})

test('work goes only to devices that meet the requirements; the others learn why not', async () => {
  const [swarm, s, a, b] = await jobCluster('a', 'b')
  const request = { requirements: { nodes: [a.peer] } }
  const { job } = await submit(s, { rows: 4, rowsPerShard: 1, request })
  await swarm.pass(1_500)
  assert.equal(s.coordinator.refusalsOf(b.peer), { node: 1 })
  assert.equal(s.coordinator.status(job)!.refusals, { node: 1 })
  assert.is((await end(swarm, s, job)).state, 'done')
  assert.equal([a.engine.runs.length, b.engine.runs.length], [4, 0])
  await swarm.stop()
})

test('a worker that gets a device takes work at once', async () => {
  const [swarm, s, a] = await jobCluster('a')
  a.devices = []
  a.swarm.refreshCard()
  await swarm.pass(100)
  const { job } = await submit(s, { rows: 2, rowsPerShard: 1 })
  await swarm.pass(2_000)
  assert.is(a.engine.runs.length, 0)
  a.devices = [cpu(2)]
  a.worker.setDevices(a.devices)
  a.swarm.refreshCard()
  await swarm.until(() => a.engine.running === 2, 100)
  assert.is((await end(swarm, s, job)).state, 'done')
  await swarm.stop()
})

test('forged receipts change no result, and cost their sender its place', async () => {
  const [swarm, s, a, b] = await jobCluster('a', 'b')
  for (const { engine } of [a, b]) engine.computeMs = 5_000
  const { job } = await submit(s, { rows: 2, rowsPerShard: 1 })
  await swarm.until(() => a.engine.running + b.engine.running === 2, 1_000)
  const leasedTo = s.published.flatMap((event) =>
    event.type === 'shard' && event.phase === 'leased' ? [event.worker] : [],
  )
  const receiptOf = (node: JobNode, over: Partial<Receipt> = {}): Receipt => ({
    lease: `${job}.1.${leasedTo.indexOf(node.peer)}`,
    job,
    epoch: 1,
    shard: node.engine.runs[0]!,
    worker: b.peer,
    device: 'cpu0',
    determinismClass: 'class-a',
    outputs: { blob: '0'.repeat(64), sizeBytes: 0 },
    computeMs: 0,
    ...over,
  })
  const forged: [string, SignedReceipts][] = [
    ['receipt.signer', signReceipts([receiptOf(b)], a.key)],
    ['receipt.worker', signReceipts([receiptOf(b, { worker: a.peer })], b.key)],
    ['receipt.worker', signReceipts([receiptOf(a)], b.key)], // for the lease of another
    ['receipt.lease', signReceipts([receiptOf(b, { shard: 'f'.repeat(64) })], b.key)],
    ['receipt.lease', signReceipts([receiptOf(b, { epoch: 7 })], b.key)],
    ['receipt.root', { ...signReceipts([receiptOf(b)], b.key), receipts: [Uint8Array.of(1)] }],
  ]
  const send = async () => {
    for (const [, batch] of forged) await b.swarm.send(s.peer, { type: 'receipts', batch, inline: [] }).catch(() => {})
    await swarm.pass(100)
  }
  await send()
  assert.equal(
    s.warnings,
    forged.map(([code]) => code),
  )
  assert.equal([stateOf(s, job), swarm.seenBy(s)], ['running', ['a alive', 'b alive']])
  await send()
  await send()
  assert.equal(swarm.seenBy(s), ['a alive'])
  assert.is((await end(swarm, s, job)).state, 'done')
  assert.equal(resultOf(s, job), doubled(2))
  await swarm.stop()
})

test('inline outputs that are not what their receipt names are an offence, and nothing else', async () => {
  const [swarm, s, a] = await jobCluster('a')
  a.engine.computeMs = 5_000
  const { job } = await submit(s, { rows: 1, rowsPerShard: 1 })
  await swarm.until(() => a.engine.running === 1, 1_000)
  const outputs = { blob: '1'.repeat(64), sizeBytes: 3 }
  const receipt = { lease: `${job}.1.0`, job, epoch: 1, shard: a.engine.runs[0]!, worker: a.peer, device: 'cpu0' }
  const batch = signReceipts([{ ...receipt, determinismClass: 'class-a', outputs, computeMs: 0 }], a.key)
  await a.swarm.send(s.peer, { type: 'receipts', batch, inline: [outputs] }, [Uint8Array.of(1, 2, 3)])
  await a.swarm.send(s.peer, { type: 'receipts', batch, inline: [outputs] }, [Uint8Array.of(1)])
  await swarm.pass(100)
  assert.equal([stateOf(s, job), s.warnings], ['running', ['blob.wrong-chunk', 'frame.inline']])
  assert.is((await end(swarm, s, job)).state, 'done')
  assert.equal(resultOf(s, job), doubled(1))
  await swarm.stop()
})

test('an input without rows fails the job, and says so', async () => {
  const [swarm, s] = await jobCluster('a')
  const { job } = await submit(s, { rows: 0, rowsPerShard: 1 })
  assert.is((await end(swarm, s, job)).error?.code, 'source.empty')
  await swarm.stop()
})

test('a disk that is slower than the workers holds the source back', async () => {
  const [swarm, s, a] = await jobCluster('a')
  a.devices = [cpu(128)]
  a.worker.setDevices(a.devices)
  a.swarm.refreshCard()
  s.kept.writeMs = 5_000
  const { job } = await submit(s, { rows: 5_000, rowsPerShard: 1 })
  await swarm.pass(12_000)
  const { rows, workers } = s.coordinator.status(job)!
  assert.ok(workers[0]!.rows > 256, `${workers[0]!.rows} rows were computed`)
  assert.ok(rows.read - rows.done <= 1_024 + 256 + 8, `${rows.read} rows were read, ${rows.done} are written`)
  await swarm.stop()
})

test('two jobs never share an output folder', async () => {
  const [swarm, s] = await jobCluster('a')
  const rows = { rows: 1, rowsPerShard: 1, request: { outputDir: '/same' } }
  const both = await Promise.all([codeOf(() => submit(s, rows)), codeOf(() => submit(s, rows))])
  assert.equal(both, [undefined, 'job.output-exists'], 'submitted at the same moment')
  await swarm.stop()
})

test('a node coordinates a bounded number of jobs, and all of them get on', async () => {
  const [swarm, s, a, b] = await jobCluster('a', 'b')
  const setDevices = (devices: Device[]) => {
    for (const node of [a, b]) {
      node.devices = devices
      node.worker.setDevices(devices)
      node.swarm.refreshCard()
    }
    return swarm.pass(100)
  }
  await setDevices([])
  const jobs: string[] = []
  for (let i = 0; i < limit('jobsPerNode'); i++) jobs.push((await submit(s, { rows: 1, rowsPerShard: 1 })).job)
  assert.is(await codeOf(() => submit(s, { rows: 1, rowsPerShard: 1 })), 'job.too-many')
  await setDevices([cpu(128)]) // one offer holds leases of many jobs
  await swarm.until(() => s.kept.parts.length === jobs.length, 10_000)
  await swarm.pass(100)
  for (const job of jobs) assert.equal([stateOf(s, job), resultOf(s, job)], ['done', [2]])
  await swarm.stop()
})

test('a job that ends while the disk takes the name of its first worker offers nothing', async () => {
  const [swarm, s, a] = await jobCluster('a')
  const open = s.journals.open.bind(s.journals)
  s.journals.open = async (id) => {
    const journal = await open(id)
    const append = journal.append.bind(journal)
    journal.append = async (...entries) => {
      if (entries.some(({ type }) => type === 'worker')) await sleep(swarm.clock, 1_000)
      await append(...entries)
    }
    return journal
  }
  const sent: string[] = []
  const send = s.swarm.send.bind(s.swarm)
  s.swarm.send = (peer, message, body) => {
    sent.push(message.type)
    return send(peer, message, body)
  }
  const { job } = await submit(s, { rows: 4, rowsPerShard: 2 })
  await swarm.pass(500)
  await swarm.outcome(s.coordinator.cancel(job, 'a test'))
  await swarm.pass(3_000)
  assert.equal([stateOf(s, job), a.engine.runs], ['cancelled', []])
  assert.not(sent.includes('offer'), sent.join(', '))
  await swarm.stop()
})

test.run()
