// timeout: 150 s
// mostly waits
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobNews } from '../../../kernel/job-news.ts'
import { dense, sequential } from '../../../runtime/compute/graph/layers/index.ts'
import { untrainedModel } from '../../../runtime/compute/graph/training/index.ts'
import { codeOf } from '../../support/control.ts'
import { ranCell, testSession } from '../../support/kernel-session.ts'
import { startRealKernel } from '../../support/kernels.ts'

const test = suite('nodes that a session starts')

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aivida-'))
})
test.after(() => rm(folder, { recursive: true, force: true }))

const model = untrainedModel({
  model: sequential([dense(2)]),
  inputs: { x: { dtype: 'float32', shape: [3] } },
})

test('a node founds a cluster of one, which the view says; workers join it; all end together, and outlive the session', async () => {
  const { cluster, session, shown } = testSession(folder, { AIVIDA_MDNS: 'false' })
  const info = await cluster.start()
  assert.ok(info.accepting)
  await ranCell(async () => assert.is((await cluster.infer({ model, input: [[1, 2, 3]] })).numRows, 1))
  const news: JobNews[] = await Array.fromAsync(shown[0]!)
  assert.is(news[1]?.type === 'submitted' && news[1].alone, true)

  await cluster.start({ workers: 1 })
  await session.close()
  const later = testSession(folder)
  const peers = await later.cluster.peers()
  const others = peers.filter(({ self }) => !self)
  assert.equal(
    others.map(({ name, devices }) => [name, devices.length]),
    [['worker-1', 1]],
  )
  assert.is((await later.cluster.info()).pid, info.pid, 'a node that runs is left alone')
  await later.cluster.start({ workers: 1 }) // those that run are left alone, too
  assert.equal((await later.cluster.stop()).sort(), [info.name, 'worker-1'].sort())
  assert.is(await codeOf(later.cluster.info()), 'node.not-running')
  assert.is(await codeOf(later.cluster.stop()), 'node.not-running')
  assert.is(await codeOf(later.cluster.start({ workers: -1 })), 'start.workers')
  await later.session.close()
})

test("the README's cell runs as it stands there", async () => {
  const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8')
  const block = /### In a cell[\s\S]*?```ts\n([\s\S]*?)```/.exec(readme)?.[1]
  if (!block?.includes('cluster.train')) assert.unreachable('the README has no cell any more')
  const kernel = await startRealKernel({
    cwd: folder,
    env: { AIVIDA_DATA_DIR: join(folder, 'readme'), AIVIDA_MDNS: 'false' },
  })
  const run = async (code: string) => {
    const { reply, outputs } = await kernel.execute(code).done()
    assert.is(reply.status, 'ok', JSON.stringify(reply))
    return JSON.stringify(outputs)
  }
  try {
    await run(block!)
    assert.match(await run('String([output.shape, rows.numRows, trained.metrics.numRows])'), /320,1,320,50/)
  } finally {
    await kernel.execute('await cluster.stop()').done()
    await kernel.shutdown()
  }
})

test.run()
