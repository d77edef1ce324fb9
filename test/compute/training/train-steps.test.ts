import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../runtime/base/clock.ts'
import { type AividaError, isAividaError } from '../../../runtime/base/errors.ts'
import { EngineChild } from '../../../runtime/compute/engine/index.ts'
import { stepSignatureOf } from '../../../runtime/compute/graph/training/step-signature.ts'
import { stateFile, tensorsIn, trainSteps } from '../../../runtime/compute/training/index.ts'
import { memoryTable } from '../../../runtime/data/rows/index.ts'
import type { Tensor } from '../../../runtime/data/tensor/tensor.ts'
import type { TrainingProgress, TrainShard } from '../../../runtime/protocol/index.ts'
import { fileOf, safetensorsOf, trainShard } from '../../support/training-shard.ts'
import {
  type LinearStepInit,
  linearEvaluation,
  linearRows,
  linearState,
  linearStep,
} from '../../support/training-step.ts'

const test = suite('the steps of a shard')

let child: EngineChild

test.before(() => {
  child = new EngineChild({ clock: systemClock })
})
test.after(() => child.kill())

interface Run {
  readonly step?: LinearStepInit
  readonly rows?: number
  readonly state?: Uint8Array
  readonly evaluate?: boolean
  readonly onSteps?: (progress: TrainingProgress) => void
  readonly child?: EngineChild
}

/** Runs a shard in a session of its own. */
async function run(changes: Partial<TrainShard>, options: Run = {}) {
  const shard = trainShard({ ...changes, data: { ...trainShard().data, rows: options.rows ?? 40 } })
  const graph = linearStep(options.step)
  const engine = options.child ?? child
  const signature = stepSignatureOf(graph)
  const session = await engine.load({ graph })
  const file = fileOf(options.state ?? safetensorsOf(linearState()))
  const training = await session.train({
    state: await tensorsIn(file, signature.state),
    frozen: [],
    metrics: signature.metrics,
  })
  const table = memoryTable(linearRows(60))
  const evaluation = options.evaluate && { model: await engine.load({ graph: linearEvaluation() }), table }
  const { onSteps } = options
  const init = { clock: systemClock, shard, signature, training, table }
  const trained = await trainSteps({ ...init, ...(evaluation && { evaluation }), ...(onSteps && { onSteps }) })
  const end = shard.fromStep + shard.steps
  const state = Buffer.concat(await Array.fromAsync(stateFile(signature, training, end)))
  await training.end()
  return { ...trained, state }
}

function floats({ data }: Tensor): number[] {
  return [...new Float32Array(Uint8Array.from(data).buffer)]
}

async function failureOf(running: Promise<unknown>): Promise<AividaError> {
  const failure = await running.then(
    () => undefined,
    (error) => error,
  )
  assert.ok(isAividaError(failure), String(failure))
  return failure
}

for (const [name, step] of [
  ['', {}],
  [', with a mask in each step', { keep: 0.7 }],
] as const)
  test(`however a training is cut into shards, its states and metrics are the same${name}`, async () => {
    const whole = await run({ steps: 30 }, { step })
    let state: Uint8Array | undefined
    const losses: number[] = []
    const commitments: string[] = []
    for (const [fromStep, steps] of [
      [0, 11],
      [11, 4],
      [15, 15],
    ] as const) {
      const part = await run({ fromStep, steps }, { step, ...(state && { state }) })
      state = part.state
      losses.push(...floats(part.metrics.loss!))
      commitments.push(...part.commitments)
    }
    assert.equal(state, whole.state)
    assert.equal(losses, floats(whole.metrics.loss!))
    assert.is(whole.commitments.length, 6)
    for (const commitment of whole.commitments.slice(2)) assert.ok(commitments.includes(commitment))
    assert.ok(losses.at(-1)! < losses[0]! / 2, 'nothing is learnt')
  })

test('the same shard gives the same bits in another process, another seed gives others', async () => {
  const other = new EngineChild({ clock: systemClock })
  try {
    const first = await run({}, { step: { keep: 0.5 } })
    const second = await run({}, { step: { keep: 0.5 }, child: other })
    assert.equal(second.state, first.state)
    assert.equal(second.metrics, first.metrics)
    const third = await run({ seed: 8 }, { step: { keep: 0.5 } })
    assert.not.equal(third.state, first.state)
  } finally {
    await other.kill()
  }
})

test('each row of the range is learned from once in an epoch', async () => {
  // With a rate too small to change anything, the mean loss of an epoch is that of all rows.
  const losses = async (seed: number) =>
    floats((await run({ seed, steps: 10, learningRate: { kind: 'constant', rate: 1e-30 } })).metrics.loss!)
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [one, two] = [await losses(1), await losses(2)]
  assert.not.equal(one, two)
  assert.ok(Math.abs(mean(one) - mean(two)) < 1e-5)
})

test('an evaluation measures the state after the last step on rows of its own', async () => {
  const evaluation = {
    model: trainShard().model,
    data: { table: trainShard().state, firstRow: 40, rows: 20 },
    batchSize: 8, // so the last batch has 4
  }
  const { metrics, state } = await run({ evaluation }, { evaluate: true })
  const found = floats(metrics['validation.loss']!)
  assert.ok(found.slice(0, -1).every(Number.isNaN))
  const w = floats({ dtype: 'float32', shape: [3], data: state.subarray(state.length - 24, state.length - 12) })
  const rows = linearRows(60)
  const [x, y] = [floats(rows.x!), floats(rows.y!)]
  const squares = Array.from({ length: 20 }, (_, i) => {
    const row = 40 + i
    return (w.reduce((sum, value, j) => sum + value * x[row * 3 + j]!, 0) - y[row]!) ** 2
  })
  const expected = squares.reduce((sum, value) => sum + value, 0) / 20
  assert.ok(Math.abs(found.at(-1)! - expected) < 1e-5 * Math.max(1, expected), `${found.at(-1)} and ${expected}`)
})

test('it tells how far it has come', async () => {
  const heard: TrainingProgress[] = []
  await run({ fromStep: 30, steps: 20 }, { onSteps: (progress) => heard.push(progress) })
  assert.is(heard.at(-1)!.step, 50)
  assert.ok(heard.at(-1)!.rowsPerSecond > 0)
  assert.equal(Object.keys(heard.at(-1)!.metrics), ['loss', 'norm'])
})

test('a loss that is no number ends it and is told with its step', async () => {
  const failure = await failureOf(run({ steps: 200, learningRate: { kind: 'constant', rate: 1e6 } }))
  assert.is(failure.code, 'train.diverged')
  const { step } = failure.facts as { step: number }
  assert.ok(step > 2 && step < 100)
  assert.match(failure.message, new RegExp(`the loss of step ${step} is (NaN|Infinity)`))
})

test('a state that holds no numbers any more is told before it is kept', async () => {
  const failure = await failureOf(run({ steps: 1, learningRate: { kind: 'constant', rate: 3e38 } }))
  assert.is(failure.code, 'train.diverged')
  assert.match(failure.message, /after step 1, w holds/)
})

test('a batch that the rows do not fill is refused', async () => {
  const failure = await failureOf(run({}, { rows: 3 }))
  assert.is(failure.code, 'train.batch-too-large')
})

test('a state without a tensor of the step, or with another shape, is refused', async () => {
  const { w } = linearState()
  assert.match((await failureOf(run({}, { state: safetensorsOf({ w }) }))).message, /takes v as float32 \[3,1\]/)
  const failure = await failureOf(run({}, { state: safetensorsOf({ w, v: { ...w, shape: [1, 3] } }) }))
  assert.is(failure.code, 'train.state')
  assert.match(failure.message, /has float32 \[1,3\]/)
})

test.run()
