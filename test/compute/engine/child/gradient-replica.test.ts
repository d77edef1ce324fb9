import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../../runtime/base/clock.ts'
import {
  type ChildReplica,
  type ChildTraining,
  EngineChild,
  type StepGroup,
} from '../../../../runtime/compute/engine/index.ts'
import {
  adam,
  batchNorm,
  crossEntropy,
  dense,
  relu,
  sequential,
  trainingStep,
} from '../../../../runtime/compute/graph/index.ts'
import { joined } from '../../../../runtime/compute/training/index.ts'
import { aggregate, layoutOf, sliceEnds } from '../../../../runtime/compute/update/index.ts'
import type { NamedTensors, Tensor } from '../../../../runtime/data/tensor/tensor.ts'
import type { Compression } from '../../../../runtime/protocol/index.ts'
import { refuses } from '../../../data/refusal.ts'
import { someLabels, someTensor, train } from '../../../support/trained-model.ts'

const test = suite('a replica whose updates are gradients')

const STEP = trainingStep({
  model: sequential([dense(80), batchNorm(), relu(), dense(80), relu(), dense(3)]),
  loss: crossEntropy(),
  optimizer: adam(),
  inputs: { x: { dtype: 'float32', shape: [5] }, labels: { dtype: 'int64', shape: [] } },
  batchSize: 8,
  clip: 0.5,
  metrics: [],
})
const SPLIT = STEP.split()
const { signature, split } = joined(SPLIT.gradientSignature, SPLIT.updateSignature)
const LAYOUT = layoutOf(signature)
const ENDS = sliceEnds(LAYOUT.length, LAYOUT.plain, 2)
const F32: Compression = { kind: 'f32' }
const RATE = 0.1

const children: EngineChild[] = []
test.after(async () => {
  for (const child of children) await child.kill()
})

interface Member {
  readonly training: ChildTraining
  readonly replica: ChildReplica
}

const batchOf = (number: number): NamedTensors => ({
  x: someTensor([8, 5], 10 + number),
  labels: someLabels([8], 3, 20 + number),
})

function source(name: string, { dtype, shape, data }: Tensor) {
  const content = async function* () {
    yield data
  }
  return { name, dtype, shape, sizeBytes: data.byteLength, content }
}

async function member(): Promise<Member> {
  const child = new EngineChild({ clock: systemClock })
  children.push(child)
  const session = await child.load({ graph: SPLIT.gradient })
  const update = await child.load({ graph: SPLIT.update })
  const initial = STEP.initialState()
  const training = await session.train({
    state: signature.state.map(({ name, next }) => ({ ...source(name, initial[name]!), next })),
    frozen: [],
    metrics: signature.metrics,
    split: { ...split, update },
  })
  const replica = await training.replica({ shared: LAYOUT.tensors.map(({ index }) => index), ...LAYOUT })
  return { training, replica }
}

/** The loss of a batch. */
async function learn({ training }: Member, number: number): Promise<number> {
  const losses: number[] = []
  const groups = async function* (): AsyncGenerator<StepGroup> {
    yield { steps: [{ tensors: batchOf(number), scalars: {} }], commit: false }
  }
  await training.run(groups(), { onStepped: ({ metrics }) => losses.push(metrics[0]![0]!) })
  return losses[0]!
}

/** What many gave, slice by slice, as one. */
function meanOf(contributions: readonly (readonly Uint8Array[])[], compression: Compression): Uint8Array[] {
  return ENDS.map(
    (to, i) =>
      aggregate({
        contributions: contributions.map((slices, at) => ({ member: at, weight: 1, bytes: slices[i]! })),
        aggregation: { rule: 'mean' },
        compressed: compression,
        compression,
        length: to - (ENDS[i - 1] ?? 0),
        plain: i === ENDS.length - 1 ? LAYOUT.plain : 0,
      }).update,
  )
}

const merge = ({ replica }: Member, rounds: readonly Uint8Array[][], from: number, compressed = F32) =>
  replica.merge({
    rounds,
    ends: ENDS,
    compressed,
    outer: { rate: 1, momentum: 0 },
    scalars: rounds.map((_, i) => ({ learningRate: RATE, step: from + i + 1 })),
  })

async function stateOf({ training }: Member): Promise<Buffer> {
  return Buffer.concat((await Array.fromAsync(training.state())).map(({ bytes }) => bytes))
}

test('by itself it is the step, to the bit', async () => {
  const one = await member()
  const batches = [0, 1, 2]
  const losses: number[] = []
  for (const number of batches) {
    losses.push(await learn(one, number))
    const update = meanOf([await one.replica.contribute({ ends: ENDS, compression: F32 })], F32)
    await merge(one, [update], number)
  }
  const whole = await train(STEP, batches.map(batchOf), { learningRate: RATE })
  assert.equal(losses, whole.losses)
  const expected = Buffer.concat(signature.state.map(({ name }) => whole.state[name]!.data))
  assert.ok(expected.equals(await stateOf(one)))
})

test('replicas stay equal to the bit, whoever came late or broke off, with 8 bits both ways', async () => {
  const compression = { kind: 'i8' }
  const [a, b, late] = [await member(), await member(), await member()]
  const rounds: Uint8Array[][] = []
  let commitment = ''
  for (const round of [0, 1, 2]) {
    if (round === 1) await learn(a, 99) // called off: this one counts for nothing
    const before = rounds.slice(-1)
    const found = [await merge(a, before, round - 1, compression), await merge(b, before, round - 1, compression)]
    assert.is(found[0], found[1])
    commitment = found[0]!
    await learn(a, 2 * round)
    await learn(b, 2 * round + 1)
    const given = [
      await a.replica.contribute({ ends: ENDS, compression }),
      await b.replica.contribute({ ends: ENDS, compression }),
    ]
    rounds.push(meanOf(given, compression))
  }
  assert.is(await merge(late, rounds.slice(0, 2), 0, compression), commitment)
  const ended = [await merge(a, rounds.slice(2), 2, compression), await merge(late, rounds.slice(2), 2, compression)]
  assert.is(ended[0], ended[1])
  assert.ok((await stateOf(a)).equals(await stateOf(late)))
  assert.is.not(ended[0], commitment)
})

test('a gradient over several batches is their mean', async () => {
  const [one, both] = [await member(), await member()]
  const gradients: Float32Array[] = []
  for (const number of [0, 1]) {
    await learn(one, number)
    const [first] = await one.replica.contribute({ ends: ENDS, compression: F32 })
    gradients.push(new Float32Array(new Uint8Array(first!).buffer))
  }
  await learn(both, 0)
  await learn(both, 1)
  const [mean] = await both.replica.contribute({ ends: ENDS, compression: F32 })
  const found = new Float32Array(new Uint8Array(mean!).buffer)
  for (const [i, value] of found.entries())
    assert.is(value, Math.fround(0.5 * Math.fround(gradients[0]![i]! + gradients[1]![i]!)))
})

test('halves of different steps, and rounds without the scalars of their steps, are refused', async () => {
  const other = trainingStep({
    model: sequential([dense(3)]),
    loss: crossEntropy(),
    optimizer: adam(),
    inputs: { x: { dtype: 'float32', shape: [5] }, labels: { dtype: 'int64', shape: [] } },
    batchSize: 8,
  }).split()
  assert.throws(
    () => joined(SPLIT.gradientSignature, other.updateSignature),
    (error: { code?: string }) => error.code === 'step.not-an-update',
  )
  const one = await member()
  await learn(one, 0)
  const update = meanOf([await one.replica.contribute({ ends: ENDS, compression: F32 })], F32)
  const { replica } = one
  await refuses(
    'engine.protocol',
    replica.merge({ rounds: [update], ends: ENDS, compressed: F32, outer: { rate: 1, momentum: 0 } }),
  )
})

test.run()
