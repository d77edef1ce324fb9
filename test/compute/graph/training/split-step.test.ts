import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Random, seededRandom } from '../../../../runtime/base/index.ts'
import { OnnxRuntimeEngine } from '../../../../runtime/compute/engine/onnxruntime.ts'
import {
  adam,
  adamw,
  batchNorm,
  crossEntropy,
  dense,
  gradientSignatureOf,
  lora,
  muon,
  type Optimizer,
  relu,
  type SplitStep,
  sequential,
  sgd,
  stepSignatureOf,
  type TrainingInit,
  type TrainingStep,
  trainingStep,
  updateSignatureOf,
} from '../../../../runtime/compute/graph/index.ts'
import { type NamedTensors, type Tensor, tensorOf } from '../../../../runtime/data/tensor/index.ts'
import { randomModel } from '../../../support/random-models.ts'
import { numbersOf, someLabels, someTensor, train } from '../../../support/trained-model.ts'

const OPTIMIZERS: Readonly<Record<string, Optimizer>> = {
  sgd: sgd(),
  'sgd with momentum': sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
  adam: adam(),
  adamw: adamw({ weightDecay: 0.1 }),
  muon: muon(),
}
const STEPS = 3
const RATE = 0.05

/** Takes steps by the two halves, one after the other; what is given of each gradient is `changed` on the way. */
async function trainInHalves(
  { initialState, frozen }: TrainingStep,
  split: SplitStep,
  batches: readonly NamedTensors[],
  changed: (gradients: NamedTensors) => NamedTensors = (gradients) => gradients,
): Promise<{ readonly state: NamedTensors; readonly metrics: readonly Readonly<Record<string, number>>[] }> {
  const engine = new OnnxRuntimeEngine()
  const { gradientSignature: first, updateSignature: second } = split
  const [gradient, update] = [await engine.load({ graph: split.gradient }), await engine.load({ graph: split.update })]
  const ones = Object.fromEntries(
    first.masks.map(({ name, shape }) => [name, tensorOf(new Uint8Array(sizeOf(shape)).fill(1), shape)]),
  )
  const state: Record<string, Tensor> = { ...initialState() }
  const metrics: Record<string, number>[] = []
  for (const [i, batch] of batches.entries()) {
    const shared = Object.fromEntries(first.state.map(({ name }) => [name, state[name]!]))
    const given = await gradient.run({ ...shared, ...frozen(), ...batch, ...ones })
    const gradients = changed(
      Object.fromEntries(
        second.gradients.map(({ name, of }) => [name, given[first.state.find((t) => t.name === of)!.gives]!]),
      ),
    )
    const { learningRate, step } = second.scalars
    const next = await update.run({
      ...Object.fromEntries(second.state.map(({ name }) => [name, state[name]!])),
      ...gradients,
      ...(learningRate !== undefined && { [learningRate]: scalar(RATE) }),
      ...(step !== undefined && { [step]: scalar(i + 1) }),
    })
    for (const tensor of second.state) state[tensor.name] = next[tensor.next]!
    for (const { name, gives, role } of first.state) if (role === 'statistic') state[name] = given[gives]!
    metrics.push(
      Object.fromEntries(
        [...first.metrics, ...second.metrics].map((name) => [name, numbersOf(given[name] ?? next[name])[0]!]),
      ),
    )
  }
  await gradient.close()
  await update.close()
  return { state, metrics }
}

function scalar(value: number): Tensor {
  return tensorOf(Float32Array.of(value), [])
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1)
}

/** Throws unless both ways end in the same bits. */
async function assertSame(init: TrainingInit, batch: NamedTensors, what: string): Promise<void> {
  const step = trainingStep(init)
  const batches = Array.from({ length: STEPS }, () => batch)
  const whole = await train(step, batches, { learningRate: RATE })
  const halves = await trainInHalves(step, step.split(), batches)
  assert.equal(Object.keys(halves.state).sort(), Object.keys(whole.state).sort(), what)
  for (const [name, tensor] of Object.entries(whole.state))
    assert.ok(
      Buffer.from(tensor.data).equals(Buffer.from(halves.state[name]!.data)),
      `${what}: ${name} ${numbersOf(tensor).slice(0, 4)} and ${numbersOf(halves.state[name]).slice(0, 4)}`,
    )
  assert.equal(halves.metrics, whole.metrics, what)
}

test('gradient and update, one after the other, are the step to the bit: random models, all optimisers', async () => {
  const random: Random = seededRandom(6)
  const names = Object.keys(OPTIMIZERS)
  for (let i = 0; i < 25; i++) {
    const { what, found } = randomModel(random)
    const { batch, loss = crossEntropy(), ...init } = found
    const name = names[i % names.length]!
    const clip = i % 3 === 0 ? { clip: 0.1 } : {}
    await assertSame({ ...init, loss, optimizer: OPTIMIZERS[name]!, ...clip }, batch, `${name}: ${what}`)
  }
})

const LAYERS = [dense(6), batchNorm(), relu(), dense(3)] as const
const INIT: TrainingInit = {
  model: sequential(LAYERS),
  loss: crossEntropy(),
  optimizer: adam(),
  inputs: { x: { dtype: 'float32', shape: [5] }, labels: { dtype: 'int64', shape: [] } },
  batchSize: 8,
}
const BATCH = { x: someTensor([8, 5]), labels: someLabels([8], 3) }

test('so they are with parts of a batch, adapters, and statistics', async () => {
  for (const [name, optimizer] of Object.entries(OPTIMIZERS)) {
    await assertSame({ ...INIT, optimizer, accumulate: 4, clip: 0.5 }, BATCH, `${name}, in parts`)
    await assertSame({ ...INIT, optimizer, model: lora(sequential(LAYERS), { rank: 2 }) }, BATCH, `${name}, adapters`)
  }
})

test('what is clipped is what the update is given, whatever became of it on the way', async () => {
  const step = trainingStep({ ...INIT, optimizer: sgd(), clip: 1e-3 })
  const double = (gradients: NamedTensors) =>
    Object.fromEntries(
      Object.entries(gradients).map(([name, tensor]) => [
        name,
        tensorOf(
          numbersOf(tensor).map((x) => 2 * x),
          tensor.shape,
        ),
      ]),
    )
  const [once, twice] = [
    await trainInHalves(step, step.split(), [BATCH]),
    await trainInHalves(step, step.split(), [BATCH], double),
  ]
  assert.is(twice.metrics[0]!.gradientNorm, 2 * once.metrics[0]!.gradientNorm!)
  const [first] = step.split().gradientSignature.state
  for (const [i, value] of numbersOf(once.state[first!.name]).entries())
    assert.ok(Math.abs(value - numbersOf(twice.state[first!.name])[i]!) < 1e-6)
})

test('each half says what it is, and is not taken for the other or for the whole', () => {
  const step = trainingStep({ ...INIT, clip: 1 })
  const { gradient, gradientSignature, update, updateSignature } = step.split()
  assert.equal(gradientSignatureOf(gradient), gradientSignature)
  assert.equal(updateSignatureOf(update), updateSignature)
  assert.equal(
    gradientSignature.state.map(({ name }) => name),
    step.signature.state.filter(({ role }) => role !== 'optimizer').map(({ name }) => name),
  )
  assert.equal(
    updateSignature.state.map(({ name }) => name),
    step.signature.state.filter(({ role }) => role !== 'statistic').map(({ name }) => name),
  )
  assert.equal(updateSignature.metrics, ['gradientNorm'])
  assert.equal(gradientSignature.metrics, ['loss', 'accuracy'])
  assert.throws(() => gradientSignatureOf(update), code('step.not-a-gradient'))
  assert.throws(() => updateSignatureOf(step.step), code('step.not-an-update'))
  assert.throws(() => stepSignatureOf(gradient), code('step.not-a-step'))
})

function code(expected: string): (error: Error & { code?: string }) => boolean {
  return (error) => error.code === expected
}

test.run()
