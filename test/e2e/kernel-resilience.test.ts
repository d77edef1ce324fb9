// timeout: 180 s
/** A job of a cell while the kernel, its node or its reader goes away; and what a cell may get wrong. In real processes. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FrontEnd, KernelClient } from '../../kernel/client/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import type { JobStatus } from '../../runtime/protocol/index.ts'
import { followedCell, textOf } from '../support/followed-cell.ts'
import { launchedKernel } from '../support/kernels.ts'
import { childrenOf, isRunning } from '../support/processes.ts'
import { audit } from '../support/restarted-job.ts'
import { slowJob, slowRow } from '../support/slow-rows.ts'

const LAYERS = 100
const ROWS_PER_SHARD = 80
const SHARDS = 40
const BEFORE = 5 // parts that a cell has told of when something happens

const test = suite('a kernel and its jobs through losses')
let folder: string
let cluster: LocalCluster
let kernel: KernelClient
/** The line to the kernel once its first reader has gone. */
let front: FrontEnd
const jobs: { readonly status: JobStatus; readonly absences: [] }[] = []

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aivida-resilience-'))
  const [argv, started] = await Promise.all([
    launchedKernel(),
    LocalCluster.start({ workers: 2, dir: join(folder, 'cluster') }),
  ])
  cluster = started
  const env = { NODE_OPTIONS: '', AIVIDA_DATA_DIR: cluster.submitter.dataDir }
  kernel = await KernelClient.start({ argv, cwd: folder, env })
})
test.after(async () => {
  await kernel?.kill()
  await cluster?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** A job of rows that no other test has: workers would give what they remember. */
async function freshJob(rows: number) {
  const at = join(folder, `rows-${rows}`)
  await mkdir(at)
  return { ...(await slowJob(at, { rows, layers: LAYERS })), rows, rowsPerShard: ROWS_PER_SHARD }
}

/** That a job was in its midst when something happened to it. */
async function assertMidst(job: string, rows: number): Promise<void> {
  const { state, rows: at } = await cluster.client.job(job).status()
  assert.is(state, 'running')
  assert.ok(at.done < rows, `${at.done} of ${rows} rows were done already`)
}

/** Finds a job again in a cell, awaits it there, and checks the whole of its result. */
async function assertFoundWhole(line: FrontEnd, job: string, rows: number): Promise<void> {
  const samples = [0, rows >> 1, rows - 1]
  const { reply, outputs } = await line
    .execute(`
const again = cluster.job('${job}', 'infer')
const table = await again
const column = [...table.getChild('row')!].map(Number)
console.log(JSON.stringify({
  rows: column.length,
  isInOrder: column.every((row, i) => row === i),
  samples: [${samples}].map((i) => [...table.getChild('y')!.get(i)]),
}))`)
    .done()
  assert.is(reply.status, 'ok', JSON.stringify(reply))
  const found = JSON.parse(textOf(outputs)) as { rows: number; isInOrder: boolean; samples: number[][] }
  assert.equal([found.rows, found.isInOrder], [rows, true])
  for (const [i, row] of samples.entries())
    assert.equal(found.samples[i], slowRow({ rows, layers: LAYERS }, row), `row ${row}`)
  const status = await cluster.client.job(job).status()
  assert.equal([status.state, status.rows.done], ['done', rows])
  jobs.push({ status, absences: [] })
}

test('the kernel is restarted: the job goes on, and the next kernel finds it', async () => {
  const files = await freshJob(ROWS_PER_SHARD * SHARDS)
  const { job } = await followedCell(kernel, files, BEFORE)
  const before = kernel.pid
  assert.is(await kernel.shutdown({ restart: true }), 'it exited with code 0')
  await assertMidst(job, files.rows)
  await kernel.restart()
  assert.is.not(kernel.pid, before)
  await assertFoundWhole(kernel, job, files.rows)
})

test('the kernel is killed: the job goes on, and the next kernel finds it', async () => {
  const files = await freshJob(ROWS_PER_SHARD * SHARDS - 1)
  const { run, job } = await followedCell(kernel, files, BEFORE)
  assert.match(await kernel.kill('SIGKILL'), /SIGKILL/)
  await assertMidst(job, files.rows)
  assert.match(await run.reply.catch((error) => error.code), 'kernel.died')
  await kernel.restart()
  await assertFoundWhole(kernel, job, files.rows)
})

test('the node is killed and started again: the cell hears of every part once, and has its result', async () => {
  const files = await freshJob(ROWS_PER_SHARD * SHARDS - 2)
  const { run, job } = await followedCell(
    kernel,
    { ...files, after: "console.log('result', (await job).numRows)" },
    BEFORE,
  )
  await assertMidst(job, files.rows)
  await cluster.submitter.kill('SIGKILL')
  await cluster.submitter.restart()
  const { reply, outputs } = await run.done()
  assert.is(reply.status, 'ok', JSON.stringify(reply))
  const lines = [job, ...Array.from({ length: SHARDS }, (_, i) => `part ${i + 1}`), `result ${files.rows}`]
  assert.is(textOf(outputs), lines.map((line) => `${line}\n`).join(''))
  const { reply: counted } = await kernel.execute('0', { userExpressions: { distinct: 'new Set(told).size' } }).done()
  assert.match(JSON.stringify(counted), `"text/plain":"${SHARDS}"`, 'each part is told once')
  await assertFoundWhole(kernel, job, files.rows)
})

test('its reader goes away, and another one comes: the cell has gone on, and all that it made is there', async () => {
  const files = await freshJob(ROWS_PER_SHARD * SHARDS - 3)
  const sign = join(folder, 'somebody-listens')
  const after = `
const { existsSync } = await import('node:fs')
while (!existsSync(${JSON.stringify(sign)})) await new Promise((resolve) => setTimeout(resolve, 10))
console.log('last words', told.length)
told.length`
  const { run, job } = await followedCell(kernel, { ...files, after }, BEFORE)
  kernel.disconnect()
  assert.match(await run.reply.catch((error) => error.code), 'kernel.closed')
  await assertMidst(job, files.rows)
  await cluster.client.job(job).done()
  front = await FrontEnd.connect(kernel.connection)
  const told: string[] = []
  const idle = Promise.withResolvers<void>()
  front.onTold = ({ parent, header, content }) => {
    if (parent?.msg_id !== run.id) return
    told.push(header.msg_type === 'stream' ? String(content.text) : header.msg_type)
    if (content.execution_state === 'idle') idle.resolve()
  }
  await writeFile(sign, '')
  await idle.promise
  front.onTold = undefined
  assert.match(told.join(''), `last words ${SHARDS}\n`)
  assert.ok(told.includes('execute_result'), told.join())
  const { history } = await front.history({ hist_access_type: 'tail', n: 1, output: true })
  assert.is((history as [number, number, [string, string]][])[0]![2][1], `${SHARDS}`, 'the result is in the history')
  await assertFoundWhole(front, job, files.rows)
})

test('an interrupt of the cell ends its job on the workers', async () => {
  const at = join(folder, 'endless')
  await mkdir(at)
  const { model, input } = await slowJob(at, { rows: 4_000, layers: 1_500 })
  const { run, job } = await followedCell(front, { model, input, rowsPerShard: 1_000 }, 0)
  const handle = cluster.client.job(job)
  while ((await handle.status()).workers.filter(({ running }) => running > 0).length < 2) await sleep(5)
  const engines = cluster.workers.map(({ pid }) => childrenOf(pid)) // one of each computes, others may be warm
  await front.interrupt()
  const { reply } = await run.done()
  assert.match(reply.status === 'error' ? reply.evalue : reply.status, /interrupted/)
  assert.match(await handle.done().catch((error) => error.message), 'the cell was interrupted')
  while (engines.some((children) => children.every(isRunning))) await sleep(5) // no engine stops in the middle but by its end
  const { state, rows, workers } = await handle.status()
  assert.equal([state, rows.done], ['cancelled', 0])
  assert.ok(workers.every(({ running }) => running === 0))
})

test('what a cell gets wrong is answered in plain words, with the line; the kernel and the job live on', async () => {
  const failed = async (code: string) => {
    const { reply } = await front.execute(code).done()
    if (reply.status !== 'error') throw new Error(`expected a failure, found ${JSON.stringify(reply)}`)
    return { ...reply, text: reply.traceback.join('\n') }
  }
  const types = await failed("const some = 1\n\nconst rows: number = await cluster.infer({ modle: 'x' })")
  assert.is(types.ename, 'TypeScriptError')
  assert.match(types.evalue, /3:\d+ - /)
  assert.match(types.evalue, /modle/)

  const { model, input, rowsPerShard } = await freshJob(ROWS_PER_SHARD * SHARDS - 4)
  const thrown = await failed(`const thrown = cluster.infer(${JSON.stringify({ model, input, rowsPerShard })})
for await (const event of thrown) {
  if (event.type === 'part') throw new RangeError('not what I expected')
}`)
  assert.is(thrown.ename, 'RangeError')
  assert.match(thrown.evalue, 'not what I expected')
  assert.match(thrown.text, /line 3|:3:/)
  const [latest] = await cluster.client.jobs()
  await assertFoundWhole(front, latest!.job, ROWS_PER_SHARD * SHARDS - 4)
})

test('100 MB, written or as a value, are cut with a word', async () => {
  const written = await front.execute("console.log('x'.repeat(100e6)); console.log('and goes on')").done()
  assert.is(written.reply.status, 'ok')
  assert.match(textOf(written.outputs).slice(-300), /\[cut: .* more; .*\]\nand goes on\n$/s)
  const { reply, outputs } = await front.execute("'x'.repeat(100e6)").done()
  assert.is(reply.status, 'ok')
  assert.match(JSON.stringify(outputs), /^.{1000,20000}\d+ more characters/)
})

test('without a node, each call says how to start one; the kernel goes, and ends when it is asked', async () => {
  await cluster.stop()
  for (const call of [
    'cluster.jobs()',
    `cluster.job('${jobs[0]!.status.job}')`,
    "cluster.infer({ model: 'm', input: 'x' })",
  ]) {
    const { reply } = await front.execute(`await ${call}`).done()
    assert.match(reply.status === 'error' ? reply.evalue : reply.status, /await cluster\.start\(\).*npx aivida up/)
  }
  assert.is((await front.execute('1 + 1').done()).reply.status, 'ok')
  await front.request('shutdown_request', { restart: false }, { channel: 'control' })
  assert.is(await kernel.ended, 'it exited with code 0')
  front.disconnect()
  await audit(cluster, jobs)
})

test.run()
