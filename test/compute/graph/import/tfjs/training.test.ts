import type { SymbolicTensor } from '@tensorflow/tfjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  adam,
  crossEntropy,
  frozen,
  importTfjs,
  lora,
  meanSquaredError,
  readModel,
  sgd,
  type TrainingInit,
  trainingOf,
  trainingStep,
} from '../../../../../runtime/compute/graph/index.ts'
import { type NamedTensors, tensorOf } from '../../../../../runtime/data/tensor/index.ts'
import { refusesSync } from '../../../../data/refusal.ts'
import { runModel } from '../../../../support/gradient-check.ts'
import { distance, type LayersModel, savedModel, tf, toTf, withSomeWeights } from '../../../../support/tfjs-models.ts'
import { numbersOf, someLabels, someTensor, train } from '../../../../support/trained-model.ts'

const test = suite('training models of TensorFlow.js')

const { layers: l } = tf
const STEPS = 20
const BATCH = 8
const CLASSES = 3
/** How far a loss may be from that of TensorFlow.js at any step, and an output after them. */
const TOLERANCE = 1e-3

interface Trained {
  readonly model: LayersModel
  /** Of what the model is given, in its order. */
  readonly shapes: readonly (readonly number[])[]
  /** Of each output: class numbers, rows with a 1, or numbers of this shape. Default: class numbers. */
  readonly labels?: readonly ('classes' | 'rows' | readonly number[])[]
}

/** Multi-layer perceptron: Adam, rows with a 1, a penalty on large weights. */
function perceptron(): Trained {
  const model = tf.sequential({
    layers: [
      l.dense({
        units: 16,
        activation: 'tanh',
        inputShape: [10],
        kernelRegularizer: tf.regularizers.l1l2({ l1: 1e-3, l2: 1e-2 }),
      }),
      l.dense({ units: 8, activation: 'relu', biasRegularizer: tf.regularizers.l2({ l2: 0.1 }) }),
      l.dense({ units: CLASSES, activation: 'softmax' }),
    ],
  })
  model.compile({ optimizer: tf.train.adam(0.02), loss: 'categoricalCrossentropy', metrics: ['accuracy'] })
  return { model, shapes: [[10]], labels: ['rows'] }
}

/** Convolutional, with batch norm, whose running statistics follow quickly. */
function convolutional(): Trained {
  const model = tf.sequential({
    layers: [
      l.conv2d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same', useBias: false, inputShape: [8, 7, 2] }),
      l.batchNormalization({ momentum: 0.8 }),
      l.activation({ activation: 'relu' }),
      l.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, padding: 'same' }),
      l.batchNormalization({ momentum: 0.7, epsilon: 1e-2 }),
      l.maxPooling2d({ poolSize: 2 }),
      l.flatten(),
      l.dense({ units: CLASSES, activation: 'softmax' }),
    ],
  })
  model.compile({ optimizer: tf.train.momentum(0.05, 0.9, true), loss: 'sparseCategoricalCrossentropy' })
  return { model, shapes: [[8, 7, 2]] }
}

/** Functional: a skip, a layer used twice, a model inside, two inputs and two outputs. */
function functional(): Trained {
  const picture = tf.input({ shape: [6, 6, 1], name: 'picture' })
  const facts = tf.input({ shape: [4], name: 'facts' })
  const start = l.conv2d({ filters: 3, kernelSize: 3, padding: 'same' }).apply(picture) as SymbolicTensor
  const shared = l.conv2d({ filters: 3, kernelSize: 3, padding: 'same', activation: 'elu' })
  const twice = shared.apply(shared.apply(start) as SymbolicTensor) as SymbolicTensor
  const skip = l.add().apply([start, twice]) as SymbolicTensor
  const pooled = l.globalAveragePooling2d({}).apply(skip) as SymbolicTensor
  const inner = tf.sequential({ layers: [l.dense({ units: 5, inputShape: [4] }), l.layerNormalization({})] })
  const all = l.concatenate().apply([pooled, inner.apply(facts) as SymbolicTensor]) as SymbolicTensor
  const classes = l.dense({ units: CLASSES, activation: 'softmax', name: 'classes' }).apply(all) as SymbolicTensor
  const size = l.dense({ units: 2, name: 'size' }).apply(all) as SymbolicTensor
  const model = tf.model({ inputs: [picture, facts], outputs: [classes, size] })
  model.compile({ optimizer: tf.train.sgd(0.1), loss: ['categoricalCrossentropy', 'meanSquaredError'] })
  return { model, shapes: [[6, 6, 1], [4]], labels: ['rows', [2]] }
}

function rowsOf(labels: ReturnType<typeof someLabels>) {
  const rows = new Float32Array(BATCH * CLASSES)
  const classes = new BigInt64Array(labels.data.buffer, labels.data.byteOffset, BATCH)
  classes.forEach((label, i) => {
    rows[i * CLASSES + Number(label)] = 1
  })
  return tensorOf(rows, [BATCH, CLASSES])
}

/** What is given at a step, and what is right. */
function batchOf({ shapes, labels = ['classes'] }: Trained, step: number) {
  const given = shapes.map((shape, i) => someTensor([BATCH, ...shape], 100 * step + i + 1))
  const right = labels.map((label, i) => {
    if (typeof label !== 'string') return someTensor([BATCH, ...label], 100 * step + 50 + i)
    const classes = someLabels([BATCH], CLASSES, 100 * step + 50 + i)
    return label === 'rows' ? rowsOf(classes) : classes
  })
  return { given, right }
}

async function stepOf({ model, shapes, labels = ['classes'] }: Trained) {
  const imported = await importTfjs(model)
  const columns = labels.map((_, i) => (labels.length === 1 ? 'labels' : `labels${i}`))
  const { learningRate, ...training } = await trainingOf(model, { outputs: imported.outputs, labels: columns })
  const { right } = batchOf({ model, shapes, labels }, 0)
  const types = right.map(({ dtype, shape }, i) => [columns[i]!, { dtype, shape: shape.slice(1) }] as const)
  const inputs = { ...imported.inputs, ...Object.fromEntries(types) }
  const built = trainingStep({ model: imported.network, ...training, inputs, batchSize: BATCH })
  const names = Object.keys(imported.inputs)
  const feeds = ({ given, right }: ReturnType<typeof batchOf>): NamedTensors =>
    Object.fromEntries([...given.map((x, i) => [names[i]!, x]), ...right.map((x, i) => [columns[i]!, x])])
  return { imported, built, learningRate, feeds, names }
}

for (const make of [perceptron, convolutional, functional])
  test(`${make.name}: follows TensorFlow.js for ${STEPS} steps, and gives its weights back`, async () => {
    const trained = make()
    const { model } = trained
    withSomeWeights(model)
    const { imported, built, learningRate, feeds, names } = await stepOf(trained)
    const batches = Array.from({ length: STEPS }, (_, step) => batchOf(trained, step % 5))
    const { losses, state } = await train(built, batches.map(feeds), { learningRate })
    const copy = await tf.loadLayersModel(tf.io.fromMemory((await savedModel(model)) as object))
    for (const [step, { given, right }] of batches.entries()) {
      const [loss] = [await model.trainOnBatch(given.map(toTf), right.map(toTf))].flat()
      assert.ok(
        Math.abs(losses[step]! - loss!) <= TOLERANCE,
        `step ${step}: ${losses[step]}, TensorFlow.js has ${loss}`,
      )
    }
    assert.ok(losses.at(-1)! < losses[0]! - 0.05, `the loss falls: ${losses}`)

    const { given } = batchOf(trained, 7)
    const outputs = [model.predict(given.map(toTf))].flat()
    const inference = readModel(built.inference(state))
    const found = await runModel(inference, Object.fromEntries(given.map((x, i) => [names[i]!, x])))
    for (const [i, output] of outputs.entries()) {
      const off = distance(numbersOf(found[imported.outputs[i]!]), await output.data())
      assert.ok(off <= TOLERANCE, `output ${i} after training is off by ${off}`)
    }

    const weights = imported.toTfjsWeights(state)
    assert.equal(
      weights.map(({ name }) => name),
      model.weights.map(({ originalName }) => originalName),
    )
    copy.setWeights(weights.map(({ values, shape }) => tf.tensor(values, shape)))
    for (const [i, output] of [copy.predict(given.map(toTf))].flat().entries())
      assert.ok(distance(await output.data(), numbersOf(found[imported.outputs[i]!])) <= 1e-5)
  })

const HEADS = {
  sigmoid: ['binaryCrossentropy', 'meanAbsoluteError', 'meanSquaredError', 'categoricalCrossentropy'],
  hardSigmoid: ['binaryCrossentropy'],
  softplus: ['sparseCategoricalCrossentropy'],
} as const

for (const [activation, losses] of Object.entries(HEADS))
  for (const loss of losses)
    test(`${loss} after ${activation} is what it is in TensorFlow.js`, async () => {
      const model = tf.sequential({
        layers: [l.dense({ units: CLASSES, activation: activation as keyof typeof HEADS, inputShape: [4] })],
      })
      model.compile({ optimizer: 'sgd', loss })
      const labels = [loss === 'sparseCategoricalCrossentropy' ? 'classes' : 'rows'] as const
      const trained: Trained = { model, shapes: [[4]], labels }
      const { built, feeds } = await stepOf(trained)
      const batches = [1, 2, 3].map((step) => batchOf(trained, step))
      const found = await train(built, batches.map(feeds), { learningRate: 0.01 })
      for (const [i, { given, right }] of batches.entries()) {
        const own = (await model.trainOnBatch(given.map(toTf), right.map(toTf))) as number
        assert.ok(Math.abs(found.losses[i]! - own) < 1e-5, `step ${i}: ${found.losses[i]}, TensorFlow.js has ${own}`)
      }
    })

const small = () => tf.sequential({ layers: [l.dense({ units: 4, inputShape: [5] }), l.dense({ units: CLASSES })] })

const init = (model: TrainingInit['model'], more: Partial<TrainingInit> = {}): TrainingInit => ({
  model,
  loss: crossEntropy(),
  optimizer: sgd(),
  inputs: { x: { dtype: 'float32', shape: [5] }, labels: { dtype: 'int64', shape: [] } },
  batchSize: BATCH,
  ...more,
})

test('what TensorFlow.js does not train is frozen: a layer, or a model inside', async () => {
  const roles = async (model: LayersModel) => {
    const { network } = await importTfjs(model, { inputs: ['x'] })
    return trainingStep(init(network)).parameters.map(({ role }) => role)
  }
  const model = small()
  model.layers[0]!.trainable = false
  assert.equal(await roles(model), ['frozen', 'frozen', 'parameter', 'parameter'])
  const outer = tf.sequential({ layers: [small(), l.dense({ units: CLASSES })] })
  outer.layers[0]!.trainable = false
  assert.equal(await roles(outer), ['frozen', 'frozen', 'frozen', 'frozen', 'parameter', 'parameter'])
})

test('a batch norm that is not trained goes on following batches, as in TensorFlow.js; frozen() stops it', async () => {
  const model = tf.sequential({
    layers: [
      l.batchNormalization({ inputShape: [5], momentum: 0.5, trainable: false }),
      l.dense({ units: CLASSES, activation: 'softmax' }),
    ],
  })
  model.compile({ optimizer: tf.train.sgd(0.1), loss: 'sparseCategoricalCrossentropy' })
  const trained: Trained = { model, shapes: [[5]] }
  const { imported, built, feeds } = await stepOf(trained)
  const batch = batchOf(trained, 1)
  const { losses, state } = await train(built, [feeds(batch), feeds(batch)])
  for (const loss of losses) {
    const right = (await model.trainOnBatch(batch.given.map(toTf), batch.right.map(toTf))) as number
    assert.ok(Math.abs(loss - right) < 1e-5)
  }
  const mean = imported.weights.find(({ name }) => name.endsWith('/moving_mean'))!
  const right = model.getWeights().at(-2)!
  assert.ok(distance(numbersOf(state[mean.name]), await right.data()) < 1e-6)
  const { inputs } = imported
  const still = trainingStep({
    ...init(lora(imported.network, { rank: 1 })),
    inputs: { ...inputs, labels: { dtype: 'int64', shape: [] } },
  })
  assert.equal(still.parameters.find(({ name }) => name === mean.name)!.role, 'frozen')
})

test('adapters are trained in place of the weights, and are no weights of TensorFlow.js', async () => {
  const imported = await importTfjs(small(), { inputs: ['x'] })
  const built = trainingStep(init(lora(imported.network, { rank: 2 }), { optimizer: adam() }))
  const state = built.initialState()
  assert.ok(Object.keys(state).some((name) => /^dense_Dense\d+\/kernel\.lora_a$/.test(name)))
  refusesSync('graph.state', () => imported.toTfjsWeights(state))
  refusesSync('graph.nothing-to-train', () => trainingStep(init(frozen(imported.network))))
})

test('dropout leaves out what the mask says, and makes up for it', async () => {
  const model = tf.sequential({
    layers: [l.dropout({ rate: 0.75, inputShape: [6] }), l.dense({ units: 1, useBias: false })],
  })
  model.setWeights([tf.ones([6, 1])])
  const { network } = await importTfjs(model, { inputs: ['x'] })
  const built = trainingStep({
    model: network,
    loss: meanSquaredError(),
    optimizer: sgd(),
    inputs: { x: { dtype: 'float32', shape: [6] }, labels: { dtype: 'float32', shape: [1] } },
    batchSize: 1,
  })
  const [mask] = built.signature.masks
  assert.equal([mask!.keep, mask!.shape], [0.25, [1, 6]])
  const x = tensorOf(Float32Array.of(1, 2, 3, 4, 5, 6), [1, 6])
  const masks = { [mask!.name]: tensorOf(Uint8Array.of(0, 1, 0, 0, 1, 0), [1, 6]) }
  const { losses } = await train(built, [{ x, labels: tensorOf(Float32Array.of(0), [1, 1]) }], { masks })
  assert.is(losses[0], (4 * 2 + 4 * 5) ** 2)
})

test.run()
