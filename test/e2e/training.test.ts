// timeout: 90 s
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AividaError, isAividaError, sha256 } from '../../runtime/base/index.ts'
import { encodeRows, memoryTable } from '../../runtime/data/rows/index.ts'
import { LocalCluster, type LocalNode } from '../../runtime/local-cluster/index.ts'
import type { Checkpoint, ResultPart } from '../../runtime/protocol/index.ts'
import { linearTraining, type TrainingRequest } from '../support/training-files.ts'
import { linearRows, linearStep } from '../support/training-step.ts'

const test = suite('training over real nodes')

const STEPS = { steps: 1_500, stepsPerShard: 100 }
let folder: string
let cluster: LocalCluster
let request: TrainingRequest

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aivida-training-'))
  cluster = await LocalCluster.start({ workers: 1, dir: join(folder, 'cluster') })
  request = await linearTraining(join(folder, 'files'), { keep: 0.8 })
})
test.after(async () => {
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Runs a training to its end, killing nodes when parts are there. */
async function run(name: string, changes: Partial<TrainingRequest>, kills: Readonly<Record<number, LocalNode>> = {}) {
  const outputDir = join(folder, name)
  const job = await cluster.client.submit({ ...request, ...STEPS, ...changes, outputDir })
  const waiting = new Map(Object.entries(kills).map(([part, node]) => [Number(part), node]))
  const told = new Set<number>()
  for await (const event of job.events()) {
    if (event.type === 'training') told.add(event.step)
    if (event.type !== 'part') continue
    const victim = waiting.get(event.part.index)
    waiting.delete(event.part.index)
    await victim?.kill('SIGKILL')
    await victim?.restart()
  }
  const status = await job.status()
  const parts = await job.parts()
  const state = async (which: 'last' | 'best') => sha256(await readFile(join(outputDir, `${which}.safetensors`)))
  return { job, status, parts, told, state }
}

function checkpoints(parts: readonly ResultPart[]): Checkpoint[] {
  return parts.flatMap(({ checkpoint }) => checkpoint ?? [])
}

async function refusal(changes: Partial<TrainingRequest>): Promise<AividaError> {
  const failure = await cluster.client.submit({ ...request, ...STEPS, ...changes }).then(
    () => undefined,
    (error) => error,
  )
  assert.ok(isAividaError(failure), `${failure}`)
  return failure
}

test('a training whose worker and submitter are killed equals one that is left alone, to the bit', async () => {
  const alone = await run('alone', {})
  assert.is(alone.status.state, 'done', alone.status.error?.message)
  assert.equal(alone.status.rows, { read: 0, done: 1_500, total: 1_500 })
  const [worker] = cluster.workers
  const disturbed = await run('disturbed', {}, { 2: worker!, 6: cluster.submitter, 9: worker! })
  assert.is(disturbed.status.state, 'done', disturbed.status.error?.message)
  assert.equal(checkpoints(disturbed.parts), checkpoints(alone.parts))
  assert.equal(
    disturbed.parts.map((part) => part.sha256),
    alone.parts.map((part) => part.sha256),
  )
  for (const which of ['last', 'best'] as const) assert.is(await disturbed.state(which), await alone.state(which))
  assert.ok(alone.told.size > 0, 'nobody heard how far it had come')
  const table = await alone.job.result()
  assert.is(table.numRows, 1_500)
  const losses = [...table.getChild('loss')!] as number[]
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  assert.ok(mean(losses.slice(-100)) < mean(losses.slice(0, 100)) / 2, 'nothing is learnt')
})

test('it ends when it gets no better, and the best state is kept beside the last', async () => {
  const evaluation = { ...request.evaluation!, everySteps: 100, select: { patience: 3, minDelta: 1e9 } }
  const { status, parts, state } = await run('early', { evaluation })
  assert.is(status.state, 'done')
  const found = checkpoints(parts)
  assert.is(found.length, 4, 'the first is better than none, three are no better')
  assert.ok(found.every(({ validation }) => validation?.loss !== undefined))
  assert.not.equal(await state('best'), await state('last'))
})

test('a loss that is no number ends it, says at which step, and what was reached before is kept', async () => {
  const learningRate = { kind: 'cosine', rate: 1e7, warmUpSteps: 10 ** 9, totalSteps: 10 ** 9, finalShare: 1 } as const
  const { status, parts, state } = await run('diverged', { learningRate, evaluation: undefined })
  assert.is(status.state, 'failed')
  assert.is(status.error?.code, 'train.diverged')
  const step = Number(/the loss of step (\d+) is/.exec(status.error!.message)?.[1])
  const [last] = checkpoints(parts).slice(-1)
  assert.ok(last && last.step > 0 && last.step < step && step <= last.step + 100, `${last?.step} and ${step}`)
  const kept = await cluster.client.submit({
    ...request,
    ...{ steps: 1, evaluation: undefined, state: join(folder, 'diverged', 'last.safetensors') },
  })
  assert.is((await kept.done()).state, 'done', 'it can be gone on from')
  assert.is((await state('last')).length, 64)
})

test('what cannot be trained is refused when it is submitted', async () => {
  const file = (name: string) => join(folder, 'files', name)
  const table = async (name: string, tensors: Parameters<typeof memoryTable>[0]) => {
    await pipeline(Readable.from(encodeRows(memoryTable(tensors))), createWriteStream(file(name)))
    return { path: file(name) }
  }
  const { x, y } = linearRows(40) as Record<'x' | 'y', ReturnType<typeof linearRows>[string]>
  await writeFile(file('bounded.onnx'), linearStep({ keep: 0.8, below: 10 }))
  await writeFile(file('large.onnx'), linearStep({ keep: 0.8, batch: 2_000 }))
  const rows = async (name: string, tensors: Parameters<typeof memoryTable>[0]) => ({
    data: await table(name, tensors),
    evaluation: undefined,
  })
  for (const [changes, code, words] of [
    [{ model: file('large.onnx') }, 'train.batch-too-large', /batch of 2000 rows cannot be drawn from 1800/],
    [{ model: file('evaluation.onnx') }, 'step.not-a-step', /trainingStep\(\)/],
    [{ model: file('bounded.onnx'), evaluation: undefined }, 'train.label-range', /row \d+ holds .* as y/],
    [await rows('lacking.rows', { x }), 'train.columns', /takes y as float32 \[1\]/],
    [await rows('shape.rows', { x: y, y }), 'train.columns', /takes x as float32 \[3\] .* have float32 \[1\]/],
    [{ data: { path: file('step.onnx') } }, 'rows.malformed', /row file/],
    [{ state: file('data.rows') }, 'tensor.malformed', /safetensors/],
    [{ data: { ...request.data, firstRow: 1_000 } }, 'train.rows', /has 2000/],
    [{ epochs: 2 }, 'train.length', /one of the two/],
    [{ stepsPerShard: 5_000, commitEvery: 1 }, 'train.commitments', /5000 steps a shard/],
  ] as const) {
    const failure = await refusal(changes)
    assert.is(failure.code, code, failure.message)
    assert.match(failure.message, words)
  }
})

test.run()
