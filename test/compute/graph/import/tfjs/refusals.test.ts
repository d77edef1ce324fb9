import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  importTfjs,
  type NamedValues,
  sgd,
  type TfjsArtifacts,
  trainingOf,
  trainingStep,
} from '../../../../../runtime/compute/graph/index.ts'
import { refuses, refusesSync } from '../../../../data/refusal.ts'
import { forward, type LayersModel, savedModel, tf } from '../../../../support/tfjs-models.ts'

const test = suite('models of TensorFlow.js that are refused')

const { layers: l } = tf
type Layer = Parameters<ReturnType<typeof tf.sequential>['add']>[0]
const sequence = (...layers: Layer[]): LayersModel => tf.sequential({ layers })
const dense = (more: object = {}) => l.dense({ units: 2, inputShape: [3], ...more })

/** The message with which a model is refused. */
async function refusal(code: string, source: LayersModel | TfjsArtifacts): Promise<string> {
  return (await refuses(code, importTfjs(source))).message
}

test('a layer without a rule is named, with its class', async () => {
  const model = sequence(l.simpleRNN({ units: 2, inputShape: [4, 3], name: 'memory' }))
  assert.match(
    await refusal('graph.unknown-layer', model),
    /^memory \(SimpleRNN\): no rule for this layer.*build the model of others/,
  )
})

test('settings without a counterpart are named, and never dropped', async () => {
  const cases: [LayersModel, RegExp][] = [
    [
      sequence(dense({ name: 'a', kernelConstraint: tf.constraints.nonNeg() })),
      /^a \(Dense\): expected no constraint of kernel/,
    ],
    [
      sequence(l.embedding({ name: 'c', inputDim: 3, outputDim: 2, maskZero: true, inputShape: [4] })),
      /^c \(Embedding\).*maskZero/,
    ],
  ]
  for (const [model, message] of cases) assert.match(await refusal('tfjs.unsupported', model), message)
  const saved = await savedModel(sequence(dense({ name: 'b' })))
  const topology = JSON.parse(JSON.stringify(saved.modelTopology))
  topology.config.layers[0].config.activity_regularizer = { class_name: 'L1L2', config: { l1: 0, l2: 1 } }
  assert.match(
    await refusal('tfjs.unsupported', { ...saved, modelTopology: topology }),
    /^b \(Dense\): expected no activityRegularizer/,
  )
  const axis = sequence(l.batchNormalization({ axis: 2, inputShape: [3, 4, 5] }))
  const { network } = await importTfjs(axis, { inputs: ['x'] })
  const init = {
    model: network,
    loss: (s: { readonly g: Parameters<typeof network>[0]['g'] }, outputs: NamedValues) => ({
      loss: s.g.mean(Object.values(outputs)[0]!, undefined, false),
    }),
    optimizer: sgd(),
    batchSize: 2,
  }
  const inputs = { x: { dtype: 'float32', shape: [3, 4, 5] } } as const
  assert.match(
    refusesSync('tfjs.unsupported', () => trainingStep({ ...init, inputs })).message,
    /axis 1 or the last, found 2 of 4/,
  )
  const channelsFirst = { x: { dtype: 'float32', shape: [5, 3, 4] } } as const
  assert.match(
    refusesSync('graph.shape', () => trainingStep({ ...init, inputs: channelsFirst })).message,
    /samples of shape \[3, 4, 5\] for x, found \[5, 3, 4\]; TensorFlow.js has channels last/,
  )
  assert.match(
    refusesSync('graph.input', () => trainingStep({ ...init, inputs: { y: inputs.x } })).message,
    /the model's input x among the columns, found y/,
  )
})

test('a layer that depends on itself is no model', async () => {
  const x = tf.input({ shape: [3] })
  const first = l.dense({ units: 3, name: 'first' }).apply(x)
  const saved = await savedModel(
    tf.model({ inputs: x, outputs: l.reLU({ name: 'second' }).apply(first as typeof x) as typeof x }),
  )
  const topology = JSON.parse(JSON.stringify(saved.modelTopology))
  topology.config.layers.find((layer: { name: string }) => layer.name === 'first').inbound_nodes = [
    [['second', 0, 0, {}]],
  ]
  const imported = await importTfjs({ ...saved, modelTopology: topology }, { inputs: ['x'] })
  const batch = { x: { dtype: 'float32', shape: [2, 3], data: new Uint8Array(24) } } as const
  assert.match(
    (await refuses('tfjs.invalid', forward(imported, batch))).message,
    /expected output 0 of second, it has 0/,
  )
})

test('inputs of unknown size are refused', async () => {
  const open = sequence(l.conv2d({ filters: 1, kernelSize: 1, inputShape: [null, 4, 1], name: 'first' }))
  assert.match(await refusal('graph.dynamic', open), /^first: .*found \[\?, 4, 1\]/)
})

test('what is no Layers model, or lacks weights, is refused by what is wrong', async () => {
  const saved = await savedModel(sequence(dense({ name: 'only' })))
  const specs = saved.weightSpecs as { name: string; dtype: string; shape: number[] }[]
  const [kernel, bias] = specs as [(typeof specs)[number], (typeof specs)[number]]
  const cases: [string, TfjsArtifacts, RegExp][] = [
    ['tfjs.invalid', {}, /topology of a Layers model, found none/],
    [
      'tfjs.invalid',
      { ...saved, modelTopology: { node: [] } },
      /modelTopology: expected it as TensorFlow.js 4 saves it.*class_name/s,
    ],
    [
      'tfjs.invalid',
      { modelTopology: saved.modelTopology },
      /weightSpecs and weightData; load the model by tf.loadLayersModel/,
    ],
    [
      'tfjs.invalid',
      { ...saved, weightData: new ArrayBuffer(8) },
      /only\/kernel: expected bytes 0 to 24 in weightData, which has 8/,
    ],
    ['tfjs.invalid', { ...saved, weightSpecs: [kernel, kernel] }, /only\/kernel twice/],
    ['tfjs.missing-weight', { ...saved, weightSpecs: [kernel] }, /only\/bias, found none \(there are only\/kernel\)/],
    [
      'tfjs.invalid',
      { ...saved, weightSpecs: [kernel, bias, { ...bias, name: 'other/bias' }], weightData: new ArrayBuffer(40) },
      /other\/bias, which none has/,
    ],
    [
      'tfjs.unsupported-weight',
      { ...saved, weightSpecs: [{ ...kernel, dtype: 'int32' }, bias] },
      /only\/kernel: expected float32, found int32/,
    ],
    [
      'tfjs.unsupported-weight',
      { ...saved, weightSpecs: [{ ...kernel, quantization: { dtype: 'uint8', min: 0, scale: 1 } }, bias] },
      /only\/kernel: .*quantized/,
    ],
  ]
  for (const [code, artifacts, message] of cases) assert.match(await refusal(code, artifacts), message)
})

test('weights may come in several buffers, and under the names of the models around', async () => {
  const saved = await savedModel(sequence(dense({ name: 'only' })))
  const bytes = saved.weightData as ArrayBuffer
  const specs = (saved.weightSpecs as { name: string }[]).map((spec) => ({ ...spec, name: `outer/${spec.name}` }))
  const { weights } = await importTfjs({
    ...saved,
    weightSpecs: specs,
    weightData: [bytes.slice(0, 8), bytes.slice(8)],
  })
  assert.equal(
    weights.map(({ name }) => name),
    ['outer/only/kernel', 'outer/only/bias'],
  )
  assert.equal(Buffer.concat(weights.map(({ tensor }) => tensor.data)), Buffer.from(bytes))
})

test('a training configuration is taken as far as it has counterparts', async () => {
  const model = sequence(dense())
  const outputs = ['y']
  assert.match((await refuses('tfjs.invalid', trainingOf(model, { outputs }))).message, /call model.compile\(\)/)
  model.compile({ optimizer: tf.train.rmsprop(0.1), loss: 'meanSquaredError' })
  assert.match(
    (await refuses('tfjs.unsupported', trainingOf(model, { outputs }))).message,
    /SGD, Momentum, Adam, found RMSProp/,
  )
  model.compile({ optimizer: 'sgd', loss: 'hinge' })
  assert.match(
    (await refuses('tfjs.unsupported', trainingOf(model, { outputs }))).message,
    /a loss of mean_squared_error.*found hinge/,
  )
  model.compile({ optimizer: 'adam', loss: 'meanAbsoluteError' })
  assert.is((await trainingOf(model, { outputs })).learningRate, 0.001)
  assert.match(
    (await refuses('tfjs.invalid', trainingOf(model, { outputs: ['y', 'z'] }))).message,
    /2 columns of labels/,
  )
})

test.run()
