import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
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

noNode('opening a session, and naming the cluster, loads no package: kernels start at once', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', LOADED], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const loaded: string[] = JSON.parse(await text(child.stdout))
  assert.ok(loaded.some((url) => url.endsWith('/session/cluster.ts')))
  assert.equal(
    loaded.filter((url) => url.includes('/node_modules/')),
    [],
  )
})

noNode('TensorFlow.js has operations as methods, gradients, and trains by itself', async () => {
  const { globals, session } = testSession(folder)
  const { tf } = globals
  assert.is(tf.tensor([1, 2, 3]).sum().dataSync()[0], 6)
  assert.equal(
    [
      ...tf
        .grad((x) => x.square().sum())(tf.tensor([3, 4]))
        .dataSync(),
    ],
    [6, 8],
  )
  const net = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] })
  net.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' })
  const { history } = await net.fit(tf.ones([8, 2]), tf.ones([8, 1]), { epochs: 5, verbose: 0 })
  assert.ok((history.loss as number[]).at(-1)! < (history.loss as number[])[0]!)
  await session.close()
})

const SESSION = new URL('../../../kernel/session/open-session.ts', import.meta.url).href
/** Prints the modules that a session and its cluster are made of. */
const LOADED = `
import { registerHooks } from 'node:module'
const loaded = []
registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
const { openSession } = await import('${SESSION}')
openSession({ env: {}, system: { home: '/', cwd: '/', platform: 'linux' } }).globals.cluster
console.log(JSON.stringify(loaded))`

noNode.run()
