import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SplitStepper } from '../../runtime/compute/engine/index.ts'
import { OnnxRuntimeEngine } from '../../runtime/compute/engine/onnxruntime.ts'
import { adam, crossEntropy, dense, relu, sequential, type TrainingStep } from '../../runtime/compute/graph/index.ts'
import { joined, StepFeeder } from '../../runtime/compute/training/index.ts'
import { aggregate, layoutOf } from '../../runtime/compute/update/index.ts'
import { memoryTable, type RowTable } from '../../runtime/data/rows/index.ts'
import { type NamedTensors, tensorOf } from '../../runtime/data/tensor/index.ts'
import { gradients, training } from '../../runtime/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { learningRateAt, type RoundOutcome } from '../../runtime/protocol/index.ts'
import { someLabels, someTensor } from '../support/trained-model.ts'

const test = suite('gradients of two workers at every step')

const BATCH = 8
const RATE = { kind: 'cosine', rate: 0.05, warmUpSteps: 4, totalSteps: 24, finalShare: 0.1 } as const
const DEFINITION = {
  model: sequential([dense(32), relu(), dense(3)]),
  loss: crossEntropy(),
  optimizer: adam(),
  inputs: { x: { dtype: 'float32', shape: [6] }, labels: { dtype: 'int64', shape: [] } },
  batchSize: BATCH,
  clip: 0.3,
  metrics: [],
  seed: 3,
} as const

test('real nodes come to the bits of one process that averages what they averaged', async () => {
  const table = memoryTable({ x: someTensor([200, 6], 1), labels: someLabels([200], 3, 2) })
  await using cluster = await LocalCluster.start({ workers: 2 })
  const handle = await cluster.client.train(
    training({
      ...DEFINITION,
      data: table,
      steps: 24,
      learningRate: RATE,
      workers: 2,
      sync: gradients({ compression: 'f32' }),
      deadline: { leastMs: 60_000 },
    }),
  )
  await handle.done()
  const rounds = (await handle.job.parts()).flatMap(({ round }) => round ?? [])
  const counted = rounds.flatMap((round) => round.counted.flatMap(({ batches }) => batches))
  assert.is(
    counted.reduce((sum, { count }) => sum + count, 0),
    24,
  )
  const expected = await alone(handle.step, table, rounds)
  const found = await handle.state('last')
  for (const [name, { data }] of Object.entries(expected))
    assert.ok(Buffer.from(data).equals(Buffer.from(found[name]!.data)), name)
})

/** The same rounds in this process: the same batches, means and steps. */
async function alone(step: TrainingStep, table: RowTable, rounds: readonly RoundOutcome[]): Promise<NamedTensors> {
  const engine = new OnnxRuntimeEngine()
  const parts = step.split()
  const { signature, split } = joined(parts.gradientSignature, parts.updateSignature)
  const { length, plain } = layoutOf(signature)
  const initial = step.initialState()
  const [gradient, update] = [await engine.load({ graph: parts.gradient }), await engine.load({ graph: parts.update })]
  const stepper = new SplitStepper({
    ...{ ...split, gradient, update, frozen: {}, metrics: signature.metrics },
    state: signature.state.map(({ name, next }) => ({ name, next, tensor: initial[name]! })),
  })
  let position = 0
  for (const [i, { counted }] of rounds.entries()) {
    const contributions = []
    for (const [member, { batches, weight }] of counted.entries()) {
      for (const { from, count } of batches)
        for (let batch = from; batch < from + count; batch++) await stepper.step(await batchOf(signature, table, batch))
      contributions.push({ member, weight, bytes: new Uint8Array(new Uint8Array(stepper.take().slice().buffer)) })
    }
    const f32 = { kind: 'f32' }
    const mean = aggregate({
      ...{ contributions, aggregation: { rule: 'mean' }, compressed: f32, compression: f32, length, plain },
    }).update
    const rate = learningRateAt(RATE, position)
    await stepper.apply(new Float32Array(new Uint8Array(mean).buffer), {
      learningRate: tensorOf(Float32Array.of(rate), []),
      step: tensorOf(Float32Array.of(i + 1), []),
    })
    position += counted.reduce((sum, { batches }) => sum + batches.reduce((all, { count }) => all + count, 0), 0)
  }
  const state = stepper.state()
  return Object.fromEntries(signature.state.map(({ name }, i) => [name, state[i]!]))
}

async function batchOf(
  signature: Parameters<typeof layoutOf>[0] & ConstructorParameters<typeof StepFeeder>[0]['signature'],
  table: RowTable,
  batch: number,
): Promise<NamedTensors> {
  const nowhere = { blob: '0'.repeat(64), sizeBytes: 0 }
  const data = { table: nowhere, firstRow: 0, rows: table.length }
  const shard = { data, fromStep: batch, steps: 1, seed: DEFINITION.seed, learningRate: RATE, commitEvery: 100 }
  const feeder = new StepFeeder({ shard, signature, table, ahead: 1 })
  for await (const { steps } of feeder.groups()) return steps[0]!.tensors
  throw new Error('a batch')
}

test.run()
