// timeout: 120 s
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AividaError, silentLogger, systemClock } from '../../runtime/base/index.ts'
import { dense, relu, sequential } from '../../runtime/compute/graph/layers/index.ts'
import { meanSquaredError, sgd } from '../../runtime/compute/graph/training/index.ts'
import { typedArrayOf } from '../../runtime/data/tensor/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { LocalNode } from '../../runtime/local-cluster/local-node.ts'
import { joinCluster } from '../../runtime/node/cluster/joining.ts'
import { dataFolder, makeDataFolder } from '../../runtime/node/data-folder.ts'
import { accountIdOf } from '../../runtime/protocol/index.ts'
import { loadOrCreateKey } from '../../runtime/swarm/identity/index.ts'
import { aivida } from '../cli/command-line.ts'
import { testSession } from '../support/kernel-session.ts'
import { linearRows } from '../support/training-step.ts'

const test = suite('a job that another account reads')
const nodes = await LocalCluster.start({ workers: 0 })
const owner = testSession(nodes.submitter.dataDir)

/** A member with an account of its own, as `aivida account create` and `aivida join` make it. */
async function startReader() {
  const dataDir = join(nodes.dir, 'reader')
  const folder = dataFolder(dataDir)
  await makeDataFolder(folder)
  const account = accountIdOf((await loadOrCreateKey(folder.accountKey, 'account')).publicKey)
  const { ticket } = await nodes.client.invite({ uses: 1 })
  await joinCluster({ folder, clock: systemClock, logger: silentLogger }, ticket)
  const node = await LocalNode.start({ name: 'reader', dataDir, role: 'submitter', slots: 1 })
  return { account, node, dataDir, ...testSession(dataDir) }
}
const reader = await startReader()

const failure = (promise: PromiseLike<unknown>): Promise<AividaError> =>
  Promise.resolve(promise).then(
    (value) => assert.unreachable(`expected a failure, found ${value}`),
    (error) => error,
  )
const { x, y } = linearRows(400) as Record<'x' | 'y', ReturnType<typeof linearRows>[string]>
const train = (steps: number) =>
  owner.cluster.train({
    ...{ loss: meanSquaredError({ labels: 'y' }), optimizer: sgd(), learningRate: 1e-3, batchSize: 20, steps },
    inputs: { x: { dtype: 'float32', shape: [3] }, y: { dtype: 'float32', shape: [1] } },
    ...{ model: sequential([dense(4), relu(), dense(1)]), data: { x, y }, validation: { share: 0.1 } },
    ...{ name: 'shared', evaluateEvery: 100, show: false },
  })
/** What was shared first, for the tests after it. */
let reference = ''

test('from when it goes on to its result: status, record, report, model and parts, and nothing else', async () => {
  const job = train(200)
  const id = await job.id
  assert.is((await failure(reader.cluster.job(id).status())).code, 'job.unknown')
  reference = await job.share(reader.account)
  assert.is(reference, `${id}@${(await nodes.client.info()).peer}`)
  const read = reader.cluster.job(reference, 'train')
  const [trained, theirs] = await Promise.all([job, read]) // it is waited for at both
  assert.equal(theirs.model, trained.model)
  assert.is(theirs.metrics.numRows, 200)
  assert.equal(theirs.checkpoints, trained.checkpoints)
  const weight = ({ state }: typeof trained) => [...(typedArrayOf(state['dense_1/weight']!) as Float32Array)]
  assert.equal(weight(theirs), weight(trained))
  assert.ok(theirs.modelFile.startsWith(reader.dataDir))
  assert.match((await read.report()).html, /shared/)
  assert.not.match(JSON.stringify(await read.record()), new RegExp(nodes.submitter.dataDir))
  const refused = await Promise.all(
    [
      read.cancel(),
      read.scale({ workers: 2 }),
      read.share(reader.account),
      read.unshare(reader.account),
      read.bundle(join(nodes.dir, 'job.tar')),
    ].map(failure),
  )
  for (const { code, message } of refused) {
    assert.is(code, 'share.read-only')
    assert.match(message, /submitter .* by the user of that node/)
  }
  assert.equal((await job.status()).sharedWith, [reader.account])
})

test('it is listed, fetched and reported by the command, by its id alone too', async () => {
  const [id] = reference.split('@') as [string]
  const say = (...argv: string[]) => aivida(reader.dataDir, ...argv)
  assert.match((await say('jobs', '--shared')).out, new RegExp(`${id} .*shared.*done.*submitter`))
  assert.match((await say('job', id)).out, /read {5}at submitter/)
  const out = join(nodes.dir, 'fetched')
  assert.is((await say('jobs', 'fetch', reference, '--out', out)).code, 0)
  const model = await readFile(join(out, 'model.onnx'))
  assert.equal(model, await readFile(join((await nodes.client.job(id).status()).outputDir, 'model.onnx')))
  assert.is((await say('jobs', 'report', reference, '--out', join(nodes.dir, 'job.html'))).code, 0)
  assert.match((await say('cancel', id)).err, /share\.read-only/)
  const owned = await aivida(nodes.submitter.dataDir, 'jobs', 'share', id)
  assert.ok(owned.out.includes(reader.account))
})

test('it can be read after its node was killed and started again, until it is taken back', async () => {
  const [id] = reference.split('@') as [string]
  await nodes.submitter.kill('SIGKILL')
  await nodes.submitter.restart()
  for (const end = performance.now() + 20_000; ; ) {
    const { state } = await reader.cluster
      .job(id)
      .status()
      .catch((error: AividaError) => ({ state: error.code }))
    if (state === 'done') break
    assert.ok(performance.now() < end, state)
  }
  const { err, code } = await aivida(nodes.submitter.dataDir, 'jobs', 'share', id, reader.account, '--revoke')
  assert.is(code, 0, err)
  assert.is((await failure(reader.cluster.job(reference).status())).code, 'job.unknown')
  assert.equal(await reader.cluster.shared(), [])
})

test.after(async () => {
  await Promise.all([owner.session.close(), reader.session.close()])
  await Promise.all([reader.node, nodes.submitter].map((node) => node.kill('SIGKILL')))
  await reader.node.stop()
  await nodes.stop()
})
test.run()
