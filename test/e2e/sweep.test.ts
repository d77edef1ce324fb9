// timeout: 150 s
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dense, relu, sequential } from '../../runtime/compute/graph/layers/index.ts'
import { meanSquaredError, sgd } from '../../runtime/compute/graph/training/index.ts'
import { LocalCluster, type LocalNode } from '../../runtime/local-cluster/index.ts'
import { asha, choice, type SweepHandle, sweep } from '../../runtime/node/sweep/index.ts'
import { training } from '../../runtime/node/training/index.ts'
import { linearRows } from '../support/training-step.ts'

const test = suite('sweeps over real nodes')

let folder: string
let cluster: LocalCluster
const { x, y } = linearRows(1_000) as Record<'x' | 'y', ReturnType<typeof linearRows>[string]>
const space = { learningRate: choice([1e-5, 1e-3, 1e-2, 1e7]), width: choice([2, 8]) }

const train = ({ learningRate, width }: { readonly learningRate: number; readonly width: number }) =>
  training({
    model: sequential([dense(width), relu(), dense(1)]),
    loss: meanSquaredError({ labels: 'y' }),
    optimizer: sgd(),
    inputs: { x: { dtype: 'float32', shape: [3] }, y: { dtype: 'float32', shape: [1] } },
    batchSize: 20,
    data: { x, y },
    validation: { share: 0.2 },
    steps: 240,
    stepsPerShard: 60,
    evaluateEvery: 240,
    learningRate,
  })

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aivida-sweep-'))
  cluster = await LocalCluster.start({ workers: 2, dir: join(folder, 'cluster') })
})
test.after(async () => {
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

async function rowsOf(handle: SweepHandle) {
  return (await handle.table()).toArray().map((row) => ({ ...row.toJSON() }) as Record<string, unknown>)
}

test('a grid over two workers: a row each trial, the best of them with its model, those that diverge with why', async () => {
  const handle = await cluster.client.sweep(sweep({ space, train, outputDir: join(folder, 'grid') }))
  const status = await handle.done()
  assert.is(status.program, 'sweep')
  const rows = await rowsOf(handle)
  assert.is(rows.length, 8)
  for (const row of rows) {
    const diverges = row.learningRate === 1e7
    assert.is(row.state, diverges ? 'failed' : 'done')
    if (diverges) assert.match(row.error as string, /^train\.diverged: /)
    else assert.is(row.steps, 240)
  }
  assert.equal(status.sweep, { ...status.sweep, done: 6, failed: 2, waiting: 0, running: 0, paused: 0 })
  const best = await handle.best()
  const losses = rows.flatMap((row) => (row['validation.loss'] === null ? [] : [row['validation.loss'] as number]))
  assert.is(best.value, Math.min(...losses))
  assert.is(rows[best.trial]!.rank, 1)
  assert.ok((await handle.model()).byteLength > 0)
  const metrics = await handle.job.result()
  assert.is(metrics.numRows, status.rows.done)
  const trials = [...(metrics.getChild('trial') ?? [])]
  assert.is(trials.filter((trial) => trial === best.trial).length, 240, 'whose each step is, is told')
  assert.is(status.workers.length, 2, 'both take part')
})

test('a sweep whose submitter and worker are killed decides from its journal, and every trial is a chain', async () => {
  const kills = new Map<number, LocalNode>([
    [3, cluster.submitter],
    [6, cluster.workers[0]!],
  ])
  const strategy = asha({ eta: 2, minSteps: 60, seed: 3 })
  const handle = await cluster.client.sweep(sweep({ space, train, strategy, outputDir: join(folder, 'asha') }))
  for await (const event of handle.job.events()) {
    if (event.type !== 'part') continue
    const victim = kills.get(event.part.index)
    kills.delete(event.part.index)
    await victim?.kill('SIGKILL')
    await victim?.restart()
  }
  const status = await handle.done()
  assert.is(kills.size, 0)
  const parts = await handle.job.parts()
  const rows = await rowsOf(handle)
  assert.is(
    rows.reduce((sum, { steps }) => sum + (steps as number), 0),
    status.rows.done,
  )
  for (const { trial, steps } of rows) {
    const mine = parts.filter((part) => part.trial?.trial === trial)
    assert.equal(
      mine.flatMap(({ firstRow, rows: some }) => [firstRow, firstRow + some]),
      mine.flatMap(({ checkpoint }, i) => [mine[i - 1]?.checkpoint?.step ?? 0, checkpoint!.step]),
    )
    assert.is(mine.at(-1)?.checkpoint?.step ?? 0, steps)
  }
  const best = await handle.best()
  assert.is(best.parameters.learningRate, 1e-2)
  assert.is(best.step, 240)
  const alone = await cluster.client.train(train(best.parameters as Parameters<typeof train>[0]))
  await alone.done()
  assert.equal(
    await handle.state(),
    await alone.state(),
    'stopped, killed and taken further, it is the same to the bit',
  )
  assert.ok(status.rows.done < 0.7 * 8 * 240, `${status.rows.done} steps`)
})

test.run()
