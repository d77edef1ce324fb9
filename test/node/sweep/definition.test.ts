import { readdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { tableFromIPC } from 'apache-arrow'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError } from '../../../runtime/base/index.ts'
import { dense, sequential } from '../../../runtime/compute/graph/layers/index.ts'
import { meanSquaredError, sgd } from '../../../runtime/compute/graph/training/index.ts'
import type { TrialReport } from '../../../runtime/job/programs/index.ts'
import { trialsFile } from '../../../runtime/node/jobs/trials-file.ts'
import {
  asha,
  choice,
  grid,
  integer,
  logUniform,
  random,
  type Search,
  type Space,
  sweep,
  uniform,
  writeSweep,
} from '../../../runtime/node/sweep/index.ts'
import { type TrainingDefinition, training } from '../../../runtime/node/training/index.ts'
import { linearRows } from '../../support/training-step.ts'

const test = suite('sweeps as they are written')

const { x, y } = linearRows(100) as Record<'x' | 'y', ReturnType<typeof linearRows>[string]>

function linear(changes: Partial<TrainingDefinition> = {}, width = 1) {
  return training({
    model: sequential(width === 1 ? [dense(1)] : [dense(width), dense(1)]),
    loss: meanSquaredError({ labels: 'y' }),
    optimizer: sgd(),
    inputs: { x: { dtype: 'float32', shape: [3] }, y: { dtype: 'float32', shape: [1] } },
    batchSize: 10,
    data: { x, y },
    validation: { share: 0.2 },
    steps: 270,
    learningRate: 0.1,
    ...changes,
  })
}

const train = () => linear()
const trials = (space: Space, strategy?: Search) => sweep({ space, train, ...(strategy && { strategy }) }).trials

async function refusal(make: () => unknown): Promise<{ code: string; message: string }> {
  try {
    await make()
  } catch (error) {
    assert.ok(isAividaError(error), `${error}`)
    return error
  }
  throw new Error('it was taken')
}

test('a grid tries every configuration, the last parameter first', () => {
  assert.equal(trials({ a: choice([1, 2]), b: choice(['x', 'y', 'z']) }), [
    { a: 1, b: 'x' },
    { a: 1, b: 'y' },
    { a: 1, b: 'z' },
    { a: 2, b: 'x' },
    { a: 2, b: 'y' },
    { a: 2, b: 'z' },
  ])
})

test('a random search draws by the distribution of each dimension, the same by the same seed', () => {
  const space = { rate: logUniform(1e-4, 1), width: integer(1, 3), keep: uniform(0.5, 1) }
  const drawn = trials(space, random({ trials: 300, seed: 2 })) as { rate: number; width: number; keep: number }[]
  assert.equal(drawn, trials(space, random({ trials: 300, seed: 2 })))
  assert.not.equal(drawn, trials(space, random({ trials: 300, seed: 3 })))
  const share = (fits: (one: (typeof drawn)[number]) => boolean) => drawn.filter(fits).length / 300
  assert.ok(Math.abs(share(({ rate }) => rate < 1e-2) - 0.5) < 0.1, 'each order of magnitude is as likely')
  assert.ok(Math.abs(share(({ width }) => width === 3) - 1 / 3) < 0.1)
  assert.ok(drawn.every(({ rate, keep }) => rate >= 1e-4 && rate < 1 && keep >= 0.5 && keep < 1))
})

test('of a finite space no configuration is tried twice, and ASHA tries all of it', () => {
  const space = { a: choice([1, 2, 3]), b: choice([true, false]), c: integer(1, 4) }
  const all = trials(space, asha({ seed: 1 }))
  assert.is(new Set(all.map((one) => JSON.stringify(one))).size, 24)
  assert.not.equal(all, trials(space), 'in an order by chance')
  const some = trials({ a: integer(1, 100_000) }, random({ trials: 200 }))
  assert.is(new Set(some.map(({ a }) => a)).size, 200)
})

test('what cannot be searched is refused where it is written, in words that say what to do', async () => {
  for (const [make, code, words] of [
    [() => trials({}), 'sweep.empty-space', /at least one parameter/],
    [() => choice([]), 'sweep.dimension', /at least one value, found choice\(\[\]\)/],
    [() => choice([1, 1]), 'sweep.dimension', /differ/],
    [() => choice([Number.NaN]), 'sweep.dimension', /finite/],
    [() => logUniform(0, 1), 'sweep.dimension', /above 0/],
    [() => uniform(2, 1), 'sweep.dimension', /found uniform\(2, 1\)/],
    [
      () => trials({ rate: logUniform(0.1, 1) }),
      'sweep.continuous',
      /rate is logUniform\(0.1, 1\).*choice\(\[\.\.\.\]\)/,
    ],
    [() => trials({ a: integer(1, 1_000) }), 'sweep.too-many-trials', /at most 512 trials, found 1000/],
    [() => trials({ a: choice([1, 2]) }, random({ trials: 3 })), 'sweep.too-many-trials', /at most the 2 trials/],
    [() => trials({ rate: uniform(0, 1) }, asha()), 'sweep.trials', /how many/],
    [() => asha({ eta: 1 }), 'sweep.option', /eta/],
    [() => random({ trials: 0 }), 'sweep.option', /trials of random/],
    [() => sweep({ space: { rank: choice([1]) }, train }), 'sweep.parameter', /called rank/],
    [() => sweep({ space: { a: choice([1]) }, train, metric: 'accuracy' }), 'sweep.goal', /which way accuracy/],
    [() => sweep({ space: { a: choice([1]) }, trian: train } as never), 'sweep.option', /did you mean train\?/],
    [() => sweep({ space: { a: choice([1]) } } as never), 'sweep.option', /a function of the parameters/],
    [() => sweep({ space: { a: [1, 2] }, train } as never), 'sweep.option', /choice\(\[64, 128\]\)/],
  ] as const) {
    const found = await refusal(make)
    assert.is(found.code, code, found.message)
    assert.match(found.message, words)
  }
})

test('a trial that cannot be made is an error that names its parameters', async () => {
  const space = { a: choice([1, 2]) }
  const failing = (fail: () => never) => sweep({ space, train: ({ a }) => (a === 2 ? fail() : linear()) })
  for (const [one, words] of [
    [
      failing(() => {
        throw new TypeError('no such width')
      }),
      /the trial of a 2 cannot be made: no such width/,
    ],
    [sweep({ space, train: () => ({}) as never }), /the trial of a 1 .* no training/],
    [sweep({ space, train: ({ a }) => linear({}, a === 2 ? -1 : 1) }), /the trial of a 2 .* graph\./],
    [sweep({ space, train: () => linear({ name: 'mine' }) }), /name is for the sweep/],
    [sweep({ space, train: () => linear({ workers: 2 }) }), /leave workers out/],
    [sweep({ space, train: () => linear({ validation: undefined } as never) }), /no validation/],
  ] as const) {
    const found = await refusal(() => writeSweep(one))
    assert.is(found.code, 'sweep.trial')
    assert.match(found.message, words)
  }
})

test('equal graphs, states and data are one file, and a learning rate makes no training of its own', async () => {
  const space = { learningRate: choice([0.1, 0.2, 0.3]), width: choice([2, 4]) }
  const { request, remove } = await writeSweep(
    sweep({
      space,
      train: ({ learningRate, width }) => linear({ learningRate }, width),
      strategy: asha({ seed: 1 }),
      budget: { minutes: 2, steps: 1_000 },
    }),
  )
  try {
    assert.is(request.trials.length, 6)
    assert.is(request.trainings.length, 2)
    for (const { parameters, learningRate, training: which } of request.trials) {
      assert.equal(learningRate, { kind: 'constant', rate: parameters.learningRate })
      assert.is(
        which,
        request.trainings.findIndex((_, i) => i === which),
      )
    }
    assert.equal(request.strategy, { kind: 'asha', eta: 3, minSteps: 10 })
    assert.equal(request.budget, { steps: 1_000, ms: 120_000 })
    const [first, second] = request.trainings
    assert.is(first!.data.path, second!.data.path)
    const names = await readdir(dirname(first!.model))
    assert.is(names.filter((name) => name.endsWith('.rows')).length, 1)
    assert.is(names.filter((name) => name.endsWith('step.onnx')).length, 2)
  } finally {
    await remove()
  }
  assert.ok((await stat(request.trainings[0]!.model).catch(() => undefined)) === undefined)
})

test('the table has a row a trial, its parameters by their kinds', async () => {
  const state = { blob: '0'.repeat(64), sizeBytes: 1 } as NonNullable<TrialReport['checkpoint']>['state']
  const bytes = await trialsFile([
    {
      ...{ trial: 0, rank: 1, state: 'done', steps: 90 },
      parameters: { rate: 0.5, deep: true, kind: 'a', mixed: 1 },
      checkpoint: { step: 60, state, validation: { loss: 0.25 } },
    },
    {
      ...{ trial: 1, state: 'failed', steps: 0 },
      parameters: { rate: 1, deep: false, kind: 'b', mixed: 'x' },
      failure: { code: 'train.diverged', message: 'the loss of step 3 is NaN' },
    },
  ])
  const table = tableFromIPC(bytes)
  assert.equal(
    table.schema.fields.map(({ name, type }) => `${name} ${type}`),
    [
      ...['trial Int32', 'rank Int32', 'rate Float64', 'deep Bool', 'kind Utf8', 'mixed Utf8', 'state Utf8'],
      ...['steps Int32', 'bestStep Int32', 'validation.loss Float64', 'error Utf8'],
    ],
  )
  assert.equal(
    table.toArray().map((row) => Object.values(row.toJSON())),
    [
      [0, 1, 0.5, true, 'a', '1', 'done', 90, 60, 0.25, null],
      [1, null, 1, false, 'b', '"x"', 'failed', 0, null, null, 'train.diverged: the loss of step 3 is NaN'],
    ],
  )
})

test('a grid is what is tried where nothing else is said', () => {
  assert.equal(trials({ a: choice([1, 2]) }), trials({ a: choice([1, 2]) }, grid()))
})

test.run()
