import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobNews } from '../../../kernel/job-news.ts'
import type { AividaError } from '../../../runtime/base/index.ts'
import { codeOf } from '../../support/control.ts'
import { ranCell, testSession } from '../../support/kernel-session.ts'

const noNode = suite('session without a node')
let folder: string

noNode.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aivida-'))
})
noNode.after(() => rm(folder, { recursive: true, force: true }))

noNode('each call says how to start a node, when it is awaited and in the view of the cell', async () => {
  const { session, cluster, shown } = testSession(folder)
  const { value: failures } = await ranCell(async () => {
    const job = cluster.infer({ model: 'model.onnx', input: 'rows.arrow' })
    return Promise.all(
      [job.id, job.status(), Promise.resolve(job), cluster.jobs(), cluster.info(), cluster.data.list()].map((call) =>
        call.then(
          () => ({ code: 'none', message: '' }),
          (error: AividaError) => error,
        ),
      ),
    )
  })
  for (const { code, message } of failures) {
    assert.is(code, 'node.not-running')
    assert.match(message, /await cluster\.start\(\).*npx aivida up/)
  }
  const news: JobNews[] = await Array.fromAsync(shown[0]!)
  assert.equal(
    news.map(({ type }) => type),
    ['submitting', 'failed'],
  )
  await session.close()
})

noNode('a refusal that nobody awaits ends nothing', async () => {
  const { session, cluster } = testSession(folder)
  const unhandled: unknown[] = []
  const hear = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', hear)
  cluster.train({} as never)
  cluster.sweep({} as never)
  const last = cluster.infer({ model: 'model.onnx', input: 'rows.arrow', show: false })
  await codeOf(last.id)
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', hear)
  assert.equal(unhandled, [])
  await session.close()
})

noNode.run()
