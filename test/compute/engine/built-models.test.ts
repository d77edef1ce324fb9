// timeout: 180 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { characterModel } from '../../../notebooks/models/character-model.ts'
import { cnn } from '../../../notebooks/models/cnn.ts'
import { mlp } from '../../../notebooks/models/mlp.ts'
import { systemClock } from '../../../runtime/base/clock.ts'
import { isAividaError } from '../../../runtime/base/errors.ts'
import { gpuEnvironment } from '../../../runtime/compute/engine/child/command.ts'
import { EngineChild } from '../../../runtime/compute/engine/child/engine-child.ts'
import type { Engine, LoadOptions } from '../../../runtime/compute/engine/engine.ts'
import { OnnxRuntimeEngine } from '../../../runtime/compute/engine/onnxruntime.ts'
import { RunStepper } from '../../../runtime/compute/engine/run-stepper.ts'
import { TfjsEngine } from '../../../runtime/compute/engine/tfjs/engine.ts'
import {
  adam,
  conv2d,
  crossEntropy,
  dense,
  flatten,
  maxPool,
  nextTokens,
  pixels,
  relu,
  reshape,
  sequential,
  sgd,
  type TrainingInit,
  type TrainingStep,
  trainingStep,
} from '../../../runtime/compute/graph/index.ts'
import { type NamedTensors, type Tensor, tensorOf, typedArrayOf } from '../../../runtime/data/tensor/index.ts'
import { someNumbers } from '../../support/gradient-check.ts'
import { skip } from '../../support/skip.ts'
import { vulkanEnvironment } from '../../support/vulkan.ts'

const test = suite('models that the benchmarks train, on every engine')

const PICTURES = {
  loss: crossEntropy(),
  inputs: { images: { dtype: 'uint8', shape: [28, 28] }, labels: { dtype: 'uint8', shape: [] } },
  batchSize: 4,
} as const
const TEXT = {
  loss: crossEntropy(),
  optimizer: adam(),
  inputs: { tokens: { dtype: 'uint8', shape: [9] } },
  prepare: nextTokens(),
  batchSize: 2,
} as const
const SMALL = { vocabulary: 60, width: 16, heads: 2, layers: 1 }
const SMALL_CNN = sequential([
  ...[pixels(), reshape([1, 12, 12]), conv2d(4, 3, { padding: 'same' }), relu(), maxPool(2)],
  ...[flatten(), dense(10)],
])
const SMALL_PICTURES = {
  ...PICTURES,
  inputs: { ...PICTURES.inputs, images: { dtype: 'uint8', shape: [12, 12] } },
} as const
/** A software driver runs shaders slowly, so GPUs get small ones of each kind. */
const MODELS: Readonly<Record<string, { init: TrainingInit; on: readonly string[] }>> = {
  mlp: { init: { ...PICTURES, model: mlp, optimizer: sgd() }, on: ['tfjs', 'wasm'] },
  cnn: { init: { ...PICTURES, model: cnn, optimizer: sgd() }, on: ['tfjs', 'wasm'] },
  lm: { init: { ...TEXT, model: characterModel({ vocabulary: 60 }) }, on: ['tfjs'] },
  'small cnn': { init: { ...SMALL_PICTURES, model: SMALL_CNN, optimizer: sgd() }, on: ['webgpu', 'cuda'] },
  'small lm': { init: { ...TEXT, model: characterModel(SMALL) }, on: ['wasm', 'webgpu', 'cuda'] },
}
const STEPS = 2
/** Of losses and of outputs, by the largest of them. */
const TOLERANCE = 2e-4

const child = new EngineChild({
  clock: systemClock,
  settings: { environment: { ...gpuEnvironment(process.env), ...vulkanEnvironment() } },
})
const web = new EngineChild({ clock: systemClock, settings: { engine: 'onnxruntime-web' } })
test.after(async () => void (await Promise.all([child.kill(), web.kill()])))

/** Each engine with what it is told, beside what its graphs are built for. */
const ENGINES: Readonly<Record<string, { engine: Engine; options?: LoadOptions }>> = {
  tfjs: { engine: new TfjsEngine() },
  wasm: { engine: web },
  webgpu: { engine: child, options: { provider: 'webgpu' } },
  cuda: { engine: child, options: { provider: 'cuda' } },
}

for (const [model, { init, on }] of Object.entries(MODELS)) {
  const built = trainingStep({ ...init, target: 'portable' })
  const expected = followed(new OnnxRuntimeEngine(), {}, built)
  for (const name of on) {
    const { engine, options = {} } = ENGINES[name]!
    test(`${model} on ${name}: steps and forward pass as on the CPU`, async () => {
      const found = await followed(engine, options, built).catch((error: unknown) => error)
      if (isAividaError(found, 'engine.no-provider')) return skip(`${model} on ${name}: no such device here`)
      if (found instanceof Error) throw found
      agree(found as Followed, await expected)
    })
  }
  if (!on.includes('tfjs')) continue
  test(`${model} on tfjs, as it is built for the CPU`, async () => {
    agree(await followed(new TfjsEngine(), {}, trainingStep(init)), await expected)
  })
}

test.run()

interface Followed {
  readonly losses: readonly number[]
  /** Of the trained model, on the batch. */
  readonly logits: Tensor
}

/** Trains for some steps, and runs the model that was trained. */
async function followed(engine: Engine, options: LoadOptions, built: TrainingStep): Promise<Followed> {
  const { signature } = built
  const begun = built.initialState()
  const session = await engine.load({ graph: built.step }, options)
  const stepper = new RunStepper(session, {
    state: signature.state.map(({ name, next }) => ({ name, next, tensor: begun[name]! })),
    frozen: built.frozen(),
    metrics: signature.metrics,
  })
  const losses: number[] = []
  for (let step = 1; step <= STEPS; step++)
    losses.push((await stepper.step({ ...batchOf(signature.batch, step), ...scalarsOf(signature.scalars, step) }))[0]!)
  await session.close()
  const state = Object.fromEntries(stepper.state().map((tensor, i) => [signature.state[i]!.name, tensor]))
  const trained = await engine.load({ graph: built.inference(state) }, options)
  const batch = batchOf(signature.batch, 1)
  const inputs = Object.fromEntries(trained.inputs.map(({ name, shape }) => [name, cut(batch[name]!, shape)]))
  const outputs = await trained.run(inputs)
  await trained.close()
  return { losses, logits: outputs[trained.outputs[0]!.name]! }
}

/** Bytes that look random: pixels, labels below ten, characters below sixty. */
function batchOf(columns: TrainingStep['signature']['batch'], seed: number): NamedTensors {
  const most: Readonly<Record<string, number>> = { images: 256, labels: 10, tokens: 60 }
  return Object.fromEntries(
    columns.map(({ name, shape }) => {
      const count = shape.reduce((all, dim) => all * dim, 1)
      const numbers = someNumbers(count, seed).map((number) => Math.floor(((number + 1) / 2) * most[name]!))
      return [name, tensorOf(Uint8Array.from(numbers), shape)]
    }),
  )
}

/** What of a batch a model takes that was made to predict the last token of each row. */
function cut(tensor: Tensor, shape: readonly (number | string)[] | undefined): Tensor {
  const [rows, length] = tensor.shape as [number, number]
  const wanted = shape?.[1]
  if (tensor.shape.length !== 2 || typeof wanted !== 'number' || wanted === length) return tensor
  const kept = Array.from({ length: rows }, (_, row) => [...tensor.data.subarray(row * length, row * length + wanted)])
  return tensorOf(Uint8Array.from(kept.flat()), [rows, wanted])
}

function scalarsOf({ learningRate, step }: TrainingStep['signature']['scalars'], number: number): NamedTensors {
  const scalar = (value: number) => tensorOf(Float32Array.of(value), [])
  return {
    ...(learningRate !== undefined && { [learningRate]: scalar(0.01) }),
    ...(step !== undefined && { [step]: scalar(number) }),
  }
}

function agree(found: Followed, expected: Followed): void {
  const numbers = ({ losses, logits }: Followed) => [losses, Array.from(typedArrayOf(logits), Number)] as const
  for (const [which, wanted] of numbers(expected).entries()) {
    const scale = Math.max(...wanted.map(Math.abs))
    const given = numbers(found)[which]!
    assert.is(given.length, wanted.length)
    const worst = Math.max(...wanted.map((number, i) => Math.abs(number - given[i]!)))
    assert.ok(worst <= TOLERANCE * scale, `${which === 0 ? 'losses' : 'logits'} differ by ${worst} of ${scale}`)
  }
}
