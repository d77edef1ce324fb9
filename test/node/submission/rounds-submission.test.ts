import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError, systemClock } from '../../../runtime/base/index.ts'
import {
  adam,
  batchNorm,
  crossEntropy,
  dense,
  sequential,
  type TrainingStep,
  trainingStep,
} from '../../../runtime/compute/graph/index.ts'
import { type BlobStore, memoryBlobStore } from '../../../runtime/data/blob/index.ts'
import { prepareRounds } from '../../../runtime/node/submission/rounds-submission.ts'
import { jobRequestSchema, roundsRequestSchema, type TrainingSpec } from '../../../runtime/protocol/index.ts'

const test = suite('submission of trainings by rounds')

let folder: string
let blobs: BlobStore
let step: TrainingStep

const stepOf = (units: number) =>
  trainingStep({
    model: sequential([dense(units), batchNorm(), dense(2)]),
    loss: crossEntropy(),
    optimizer: adam(),
    inputs: { x: { dtype: 'float32', shape: [3] }, labels: { dtype: 'int64', shape: [] } },
    batchSize: 4,
  })
const path = (name: string) => join(folder, name)

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aivida-rounds-'))
  blobs = await memoryBlobStore({ clock: systemClock })
  step = stepOf(5)
  const [own, other] = [step.split(), stepOf(6).split()]
  await writeFile(path('gradient.onnx'), own.gradient)
  await writeFile(path('update.onnx'), own.update)
  await writeFile(path('other-gradient.onnx'), other.gradient)
  await writeFile(path('other-update.onnx'), other.update)
  await writeFile(path('step.onnx'), step.step)
})

test.after(async () => {
  await rm(folder, { recursive: true, force: true })
})

type Asked = Omit<Parameters<typeof roundsRequestSchema.parse>[0] & object, never>

function prepare(asked: Asked, commitEvery = 100): Promise<TrainingSpec['rounds']> {
  const rounds = roundsRequestSchema.parse({ workers: { min: 3, max: 4 }, sync: 'diloco', ...asked })
  return prepareRounds({ blobs, job: 'job-rounds' }, { rounds, commitEvery }, step.signature)
}

async function refusal(asked: Asked, commitEvery?: number): Promise<{ code: string; message: string }> {
  try {
    await prepare(asked, commitEvery)
  } catch (error) {
    if (isAividaError(error) && error.category === 'user') return error
    throw error
  }
  return { code: 'none', message: 'it was taken' }
}

test('what is shared is counted: what is trained, then the statistics; optimisers are not', async () => {
  const trained = 3 * 5 + 5 + 2 * 5 + 5 * 2 + 2
  assert.equal(await prepare({}), { length: trained + 2 * 5, plain: 2 * 5, kind: 'other' })
})

test('a step in two parts is kept as two models', async () => {
  const files = { gradient: path('gradient.onnx'), update: path('update.onnx') }
  const found = await prepare({ sync: 'gradients', ...files })
  assert.ok(
    found?.gradient && found.update && blobs.has(found.gradient.graph.blob) && blobs.has(found.update.graph.blob),
  )
  assert.is((await prepare({ sync: 'auto', ...files }))?.update?.weights.length, 0)
})

test('what cannot be done is refused when it is submitted, with the reason', async () => {
  const gradient = path('gradient.onnx')
  const update = path('update.onnx')
  const topk = { recipe: { up: { kind: 'topk', share: 0.1 } } }
  for (const [asked, code, words] of [
    [{ workers: { min: 4, max: 3 } }, 'rounds.workers', /found 4 to 3/],
    [{ recipe: { up: { kind: 'i3' } } }, 'compression.unknown', /i8, i4, .* found i3/],
    [{ recipe: { down: { kind: 'zip' } } }, 'compression.unknown', /found zip/],
    [{ ...topk, aggregation: { rule: 'median' } }, 'aggregation.sparse', /most members send nothing/],
    [{ ...topk, aggregation: { rule: 'trimmed-mean', trim: 1 } }, 'aggregation.sparse', /dense updates/],
    [{ aggregation: { rule: 'trimmed-mean', trim: 2 } }, 'aggregation.trim', /5 members or more, found 3/],
    [{ sync: 'gradients' }, 'rounds.split', /give gradient and update/],
    [{ sync: 'gradients', gradient }, 'rounds.split', /give gradient and update/],
    [{ sync: 'auto', update }, 'rounds.split', /update alone/],
    [{ gradient: path('other-gradient.onnx'), update }, 'rounds.split', /\[3,6\] where the step has .*\[3,5\]/],
    [{ gradient, update: path('other-update.onnx') }, 'rounds.split', /update is not a part of this step/],
    [{ gradient: path('step.onnx'), update }, 'step.not-a-gradient', /split\(\)/],
    [{ gradient, update: gradient }, 'step.not-an-update', /split\(\)/],
    [{ sync: 'diloco', recipe: { mode: 'gradient' } }, 'rounds.recipe', /leave one of them out/],
    [{ sync: 'gradients', gradient, update, recipe: { localSteps: 8 } }, 'rounds.recipe', /1 local step, found 8/],
  ] as const) {
    const { code: found, message } = await refusal(asked)
    assert.is(found, code, message)
    assert.match(message, words)
  }
  const { code } = await refusal({ recipe: { localSteps: 5_000 } }, 1)
  assert.is(code, 'train.commitments')
})

test('zero workers are refused in words', () => {
  const request = {
    ...{ program: 'train', model: 'm', state: 's', data: { path: 'd' } },
    rounds: { workers: { min: 0, max: 0 } },
  }
  const { error } = jobRequestSchema.safeParse({ ...request, learningRate: { kind: 'constant', rate: 1 } })
  assert.match(String(error?.message), /one worker or more/)
})

test.run()
