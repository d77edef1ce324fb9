// timeout: 150 s
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobNews } from '../../../kernel/job-news.ts'
import { type AividaError, isAividaError } from '../../../runtime/base/index.ts'
import { dense, relu, sequential } from '../../../runtime/compute/graph/layers/index.ts'
import { meanSquaredError, sgd, untrainedModel } from '../../../runtime/compute/graph/training/index.ts'
import { tensorOf, typedArrayOf } from '../../../runtime/data/tensor/index.ts'
import { LocalCluster } from '../../../runtime/local-cluster/index.ts'
import { choice } from '../../../runtime/node/sweep/index.ts'
import { diloco, training } from '../../../runtime/node/training/index.ts'
import { ranCell, type TestSession, testSession } from '../../support/kernel-session.ts'
import { linearRows } from '../../support/training-step.ts'

const test = suite('a session with a cluster')

let nodes: LocalCluster
let folder: string
let s: TestSession
const { x, y } = linearRows(400) as Record<'x' | 'y', ReturnType<typeof linearRows>[string]>
const inputs = { x: { dtype: 'float32', shape: [3] }, y: { dtype: 'float32', shape: [1] } } as const
const recipe = { loss: meanSquaredError({ labels: 'y' }), optimizer: sgd(), learningRate: 1e-3, batchSize: 20, inputs }
const model = () => sequential([dense(4), relu(), dense(1)])
/** One that nobody waits for the end of. */
const endless = () => ({ ...recipe, model: model(), data: { x, y }, steps: 5_000_000, stepsPerShard: 500 })

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aivida-'))
  nodes = await LocalCluster.start({ workers: 1, slots: 2, dir: join(folder, 'nodes') })
  s = testSession(nodes.submitter.dataDir)
})
test.after(async () => {
  await s?.session.close()
  await nodes?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** What a promise rejects with. */
async function failureOf(promise: PromiseLike<unknown>): Promise<AividaError> {
  const error = await promise.then(
    (value) => assert.unreachable(`expected a failure, found ${value}`),
    (error: unknown) => error,
  )
  assert.ok(isAividaError(error), String(error))
  return error
}

test('a training is awaited, told step by step, and its model is used on rows in every form', async () => {
  const { cluster, globals, shown } = s
  const before = shown.length
  const { value: job } = await ranCell(
    () => ({
      job: cluster.train({ ...recipe, model: model(), data: { x, y }, validation: { share: 0.1 }, epochs: 4 }),
    }),
    'cluster.train({ ... })',
  ).then(({ value }) => ({ value: value.job }))
  const events = await Array.fromAsync(job)
  const trained = await job
  assert.is(trained.job, await job.id)
  assert.is(trained.metrics.numRows, 72)
  assert.is(trained.checkpoints.length, 4)
  assert.ok(trained.state['dense_1/weight'], Object.keys(trained.state).join())
  assert.equal(
    events.flatMap((event) => (event.type === 'checkpoint' ? event.step : [])),
    trained.checkpoints.map(({ step }) => step),
  )
  const again = await Array.fromAsync(job)
  assert.equal(
    again.filter(({ type }) => type === 'checkpoint'),
    events.filter(({ type }) => type === 'checkpoint'),
    'what has happened is told again',
  )
  const news: JobNews[] = await Array.fromAsync(shown[before]!)
  assert.equal([news[0]?.type, news[1]?.type], ['submitting', 'submitted'])
  assert.is(news[1]?.type === 'submitted' && news[1].alone, false)
  const last = news.at(-1)
  assert.is(last?.type === 'event' && last.event.type === 'job' && last.event.status.state, 'done')
  const measured = news.flatMap((each) => (each.type === 'event' && each.measured ? [each.measured] : []))
  assert.equal(
    measured.map((metrics) => Object.keys(metrics)),
    trained.checkpoints.map(() => ['loss']),
  )
  assert.equal(
    measured.flatMap(({ loss }) => loss!),
    [...trained.metrics.getChild('loss')!],
    'a view is told of each step',
  )
  const { request } = await job.record()
  assert.equal(request.program === 'train' && request.script, { name: 'In [1]', text: 'cluster.train({ ... })' })

  const values = Float32Array.of(1, 2, 3, 4, 5, 6)
  const { tf, arrow } = globals
  const lists = [
    [1, 2, 3],
    [4, 5, 6],
  ]
  const outcomes = await Promise.all(
    [
      { x: values }, // cut into rows of the model's input
      values,
      { x: { values, shape: [2, 3] } },
      tensorOf(values, [2, 3]),
      tf.tensor(lists),
      tf.tensor(lists, [2, 3], 'int32'), // brought into the type that the model asks for
      lists,
      lists.map((row) => ({ x: row })),
      arrow.tableFromJSON(lists.map((row) => ({ x: row }))), // float64
    ].map((input) => cluster.infer({ model: trained, input, show: false })),
  )
  const { output } = await globals.toTensors(outcomes[0]!)
  assert.equal(output?.shape, [2, 1], 'the only column, whatever it is called')
  const several = await globals.toTensors(globals.arrow.tableFromJSON([{ a: 1, b: 2 }]))
  assert.equal(Object.keys(several), ['a', 'b'])
  assert.throws(() => several.output, /found a, b/)
  const [name] = outcomes[0]!.schema.fields.map((field) => field.name).filter((each) => each !== 'row')
  const tensors = await Promise.all(outcomes.map((table) => globals.toTensors(table, [name!])))
  const [first, ...others] = tensors.map((columns) => [...columns[name!]!.dataSync()])
  assert.is(first?.length, 2)
  for (const other of others) assert.equal(other, first)
  assert.ok(outcomes[0] instanceof arrow.Table, 'results are tables of the Arrow that cells have')
})

test('a compiled model of TensorFlow.js is trained as it is, is given its weights back, and predicts as the cluster does', async () => {
  const { cluster, globals } = s
  const { tf } = globals
  const net = tf.sequential({
    layers: [tf.layers.dense({ units: 4, activation: 'relu', inputShape: [3] }), tf.layers.dense({ units: 1 })],
  })
  net.compile({ optimizer: tf.train.sgd(0.01), loss: 'meanSquaredError' })
  const rows = tf.tensor2d([...(typedArrayOf(x) as Float32Array)], [400, 3])
  const labels = tf.tensor2d([...(typedArrayOf(y) as Float32Array)], [400, 1])
  const before = (net.predict(rows) as typeof rows).dataSync().slice(0, 4)
  const trained = await cluster.train({ model: net, data: { x: rows, labels }, batchSize: 20, epochs: 1, show: false })
  const losses = [...trained.metrics.getChild('loss')!] as number[]
  assert.ok(losses.at(-1)! < losses[0]!, 'nothing is learnt')
  await trained.into(net)
  const after = (net.predict(rows) as typeof rows).dataSync()
  assert.not.equal([...after.slice(0, 4)], [...before])
  for (const given of [trained, net]) {
    const table = await cluster.infer({ model: given, input: rows, show: false })
    const columns = Object.entries(await globals.toTensors(table)).filter(([name]) => name !== 'row')
    const found = columns[0]![1].dataSync()
    for (const [i, value] of found.entries()) assert.ok(Math.abs(value - after[i]!) < 1e-4, `row ${i}`)
  }
})

test('rows as objects are their own inputs; trials of a sweep are what a training is, of TensorFlow.js too', async () => {
  const { cluster, globals } = s
  const { tf } = globals
  const rows = Array.from({ length: 40 }, (_, i) => ({ x: [i / 40, 1], y: [i / 20] }))
  const { loss, optimizer } = recipe
  const own = { model: sequential([dense(1)]), data: rows, loss, optimizer, learningRate: 1e-3, batchSize: 20 }
  const { metrics } = await cluster.train({ ...own, steps: 4, show: false })
  assert.is(metrics.numRows, 4)

  const input = tf.tensor2d(rows.map((row) => row.x))
  const labels = tf.tensor1d(rows.flatMap((row) => row.y)) // one a row of an output [rows, 1]
  const swept = await cluster.sweep({
    space: { learningRate: choice([1e-4, 1e-2]) },
    train: ({ learningRate }) => {
      const net = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] })
      net.compile({ optimizer: tf.train.sgd(1), loss: 'meanAbsoluteError' })
      return {
        model: net,
        data: { x: input, labels },
        validation: { share: 0.5 },
        batchSize: 10,
        steps: 8,
        learningRate,
      }
    },
    show: false,
  })
  assert.is(swept.table.numRows, 2)
  const failure = await failureOf(
    cluster.sweep({
      space: { learningRate: choice([0.5]) },
      train: ({ learningRate }) => ({ ...own, learningRate, data: { x: [[1]] } }),
      show: false,
    }),
  )
  assert.is(failure.code, 'sweep.trial')
  assert.match(failure.message, /learningRate.*0\.5.*cannot be made: /)

  const broken = await failureOf(
    cluster.train({ ...own, data: [{ x: [Number.NaN, 1], y: [1] }], batchSize: 1, steps: 1, show: false }),
  )
  assert.is(broken.code, 'train.diverged')
  assert.match(broken.message, /loss of step 1 is NaN.* whether the rows hold NaN/)
})

test('an interrupt cancels what the cell submitted, on the workers, and leaves alone what it found', async () => {
  const { cluster } = s
  const { value: found } = await ranCell(async () => {
    const job = cluster.train({ ...endless(), detach: true })
    await job.id
    return { id: await job.id }
  })
  const again = cluster.job(found.id)
  const running = async (id: string) =>
    (await cluster.job(id).status()).workers.reduce((sum, { running }) => sum + running, 0)
  const { value } = await ranCell(async (interrupt) => {
    const job = cluster.train(endless())
    const id = await job.id
    for await (const event of job) if (event.type === 'checkpoint') break
    assert.is(await running(id), 1)
    const waits = [failureOf(job), failureOf(again), failureOf(Array.fromAsync(job))]
    interrupt()
    return { id, failures: await Promise.all(waits) }
  })
  for (const { code } of value.failures) assert.is(code, 'cell.interrupted')
  assert.match(value.failures[0]!.message, /is cancelled/)
  assert.match(value.failures[1]!.message, /goes on/)
  const last = (await Array.fromAsync(cluster.job(value.id))).at(-1)
  assert.is(last?.type === 'job' && last.status.state, 'cancelled')
  assert.is(await running(value.id), 0)
  assert.is((await cluster.job(found.id).status()).state, 'running')
  assert.match((await failureOf(cluster.job(value.id))).message, /the cell was interrupted/)
  await cluster.job(found.id).cancel()
})

test('a submission that is interrupted is called off', async () => {
  const { cluster } = s
  const before = (await cluster.jobs()).length
  const { value } = await ranCell(async (interrupt) => {
    const job = cluster.train(endless())
    interrupt()
    return failureOf(job)
  })
  assert.is(value.code, 'cell.interrupted')
  assert.is((await cluster.jobs()).length, before)
})

test('a sweep gives its table, the best trial and its model; another session finds it by its id', async () => {
  const { cluster } = s
  const job = cluster.sweep({
    space: { learningRate: choice([1e-5, 1e-3]) },
    train: ({ learningRate }) =>
      training({ ...recipe, model: model(), data: { x, y }, validation: { share: 0.2 }, steps: 32, learningRate }),
    show: false,
  })
  const swept = await job
  assert.is(swept.best.parameters.learningRate, 1e-3)
  assert.is(swept.table.numRows, 2)
  const other = testSession(nodes.submitter.dataDir)
  try {
    const found = other.cluster.job(await job.id)
    assert.is(await found.program, 'sweep')
    const result = await found
    assert.ok('best' in result && 'table' in result)
    assert.equal([result.best, result.modelFile], [swept.best, swept.modelFile])
    assert.equal(Buffer.compare(result.model, swept.model), 0)
    const trials = await Array.fromAsync(other.cluster.job(swept.job, 'sweep'))
    const rates = trials.flatMap((event) => (event.type === 'trial' ? event.parameters.learningRate! : []))
    assert.equal(new Set(rates), new Set([1e-5, 1e-3]))
    assert.is((await failureOf(other.cluster.job(swept.job, 'infer'))).code, 'job.other-program')
    assert.is((await failureOf(other.cluster.job('job-none'))).code, 'job.unknown')
    const rows = await other.cluster.infer({ model: result, input: { x }, show: false })
    assert.is(rows.numRows, 400)
  } finally {
    await other.session.close()
  }
})

test('results come part by part, and leave as a report, a bundle and an archive without paths of this machine', async () => {
  const { cluster } = s
  const bytes = untrainedModel({ model: model(), inputs: { x: inputs.x } })
  const path = join(folder, 'model.onnx')
  await writeFile(path, bytes)
  const job = cluster.infer({ model: path, input: { x }, rowsPerShard: 100, name: 'rows of a line' })
  const sizes = (await Array.fromAsync(job.tables())).map((table) => table.numRows)
  assert.equal(sizes, [100, 100, 100, 100])
  assert.is((await job.rows()).numRows, 400)
  const report = await job.report()
  assert.match(report.html, /rows of a line/)
  assert.match(await readFile(await report.save(join(folder, 'report.html')), 'utf8'), /rows of a line/)
  await job.share(join(folder, 'no', 'such', 'folder.html'))
  const nobody = `ac_${'1'.repeat(32)}`
  const { outputs } = await ranCell(() => job.share(nobody))
  assert.match(JSON.stringify(outputs), new RegExp(`No member of this cluster is of ${nobody}`))
  const { account } = await cluster.info()
  assert.is((await failureOf(job.share(account!))).code, 'share.own')
  assert.match((await failureOf(job.share('ac_nobody'))).message, /^expected an account, .*found 'ac_nobody'/)
  const tar = await readFile(await job.share(join(folder, 'shared.tar')))
  for (const name of ['report.html', 'part-00000.arrow']) assert.ok(tar.includes(name), name)
  assert.not.ok(tar.includes(folder), 'a path of this machine')
  assert.is((await failureOf(job.share(join(folder, 'shared.zip')))).code, 'share.file')
  assert.is((await failureOf(job.bundle(join(folder, 'bundle.tar')))).code, 'bundle.not-a-training')
})

test('a job that is awaited goes on when its node is killed and started again', async () => {
  const { cluster } = s
  const job = cluster.train({
    ...recipe,
    model: model(),
    data: { x, y },
    steps: 4_000,
    stepsPerShard: 200,
    show: false,
  })
  const waiting = job.then(({ metrics }) => metrics)
  let restarted: Promise<void> | undefined
  const steps: number[] = []
  for await (const event of job) {
    if (event.type !== 'checkpoint') continue
    steps.push(event.step)
    restarted ??= nodes.submitter.kill('SIGKILL').then(() => nodes.submitter.restart())
  }
  await restarted
  assert.equal(
    steps,
    Array.from({ length: 20 }, (_, i) => 200 * (i + 1)),
    'each part is told once, in order',
  )
  const rows = [...(await waiting).getChild('row')!].map(Number)
  assert.equal(rows, [...rows.keys()])
  assert.is(rows.length, 4_000)
})

test('what does not fit is refused in words that name it, and nothing is submitted', async () => {
  const { cluster, globals } = s
  const before = (await cluster.jobs()).length
  const bytes = untrainedModel({ model: model(), inputs: { x: inputs.x } })
  const infer = async (input: unknown, given: unknown = bytes) =>
    (await failureOf(cluster.infer({ model: given, input, show: false } as never))).code
  assert.is(await infer({ z: x }), 'input.column')
  assert.is(await infer({ x: ['one', 'two'] }), 'input.value')
  assert.is(await infer({ x: [[1, 2, 3], [4]] }), 'input.ragged')
  assert.is(await infer({ x: { values: Float32Array.of(1, 2), shape: [2, 1] } }), 'source.shape')
  assert.is(await infer({ x: 7 }), 'input.tensor')
  assert.is(await infer([{ x: null }]), 'input.missing-value')
  assert.is(await infer(globals.arrow.tableFromJSON([{ z: 1 }])), 'input.column')
  assert.is(await infer({ x }, 7), 'input.model')
  assert.is(await infer({ x }, join(folder, 'none.onnx')), 'model.missing')
  assert.is(await infer({ x }, Buffer.from('no model')), 'model.not-onnx')
  assert.is(await infer(undefined), 'input.options')
  const refused = async (changes: object) =>
    (await failureOf(cluster.train({ ...recipe, model: model(), data: { x, y }, steps: 1, show: false, ...changes })))
      .code
  assert.is(await refused({ epoch: 3 }), 'train.option')
  assert.is(await refused({ data: { x } }), 'input.column')
  assert.is((await failureOf(cluster.train(undefined as never))).code, 'train.option')
  assert.is((await failureOf(cluster.sweep({} as never))).code, 'sweep.option')
  assert.is((await cluster.jobs()).length, before)
})

test('the data shelf keeps what is brought', async () => {
  const { cluster } = s
  await writeFile(join(folder, 'some.txt'), 'some text')
  const entry = await cluster.data.add(join(folder, 'some.txt'))
  assert.equal([entry.name, entry.state, entry.sizeBytes], ['some.txt', 'here', 9])
  assert.equal(
    (await cluster.data.list()).map(({ name }) => name),
    ['some.txt'],
  )
  await cluster.data.remove('some.txt')
  assert.equal(await cluster.data.list(), [])
})

test('rows in memory are kept by the node, under a name that jobs can be given', async () => {
  const { cluster } = s
  const values = Float32Array.from({ length: 3_000 }, (_, i) => Math.sin(i))
  const entry = await cluster.data.put('waves', { x: { values, shape: [1_000, 3] } })
  assert.equal([entry.name, entry.state], ['waves.arrow', 'here'])
  const built = untrainedModel({ model: model(), inputs: { x: inputs.x } })
  const [kept, given] = await Promise.all(
    [entry.path!, { x: { values, shape: [1_000, 3] } }].map((input) =>
      cluster.infer({ model: built, input, show: false }),
    ),
  )
  assert.is(kept!.numRows, 1_000)
  assert.equal(kept!.toArray().map(String), given!.toArray().map(String))
  assert.is((await failureOf(cluster.data.put('waves', values as never))).code, 'input.columns')
  await cluster.data.remove('waves.arrow')
})

test('a job takes as many workers as it is told to, from the middle on', async () => {
  const { cluster } = s
  const job = cluster.train({ ...endless(), workers: 1, sync: diloco({ localSteps: 8 }), show: false })
  assert.is((await job.scale({ workers: 2 })).maxWorkers, 2)
  for (const wrong of [{ workers: 0 }, 2, undefined])
    assert.match(
      (await failureOf(job.scale(wrong as never))).message,
      /^expected { workers: N } with N from 1 on, found/,
    )
  await job.cancel()
  const chain = cluster.train({ ...endless(), show: false })
  assert.is((await failureOf(chain.scale({ workers: 2 }))).code, 'scale.single')
  await chain.cancel()
})

test.run()
