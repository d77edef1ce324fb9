import type { SymbolicTensor } from '@tensorflow/tfjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { importTfjs, meanSquaredError, sgd, trainingStep } from '../../../../../runtime/compute/graph/index.ts'
import { distance, forward, someWholeNumbers, tf, toTf, withSomeWeights } from '../../../../support/tfjs-models.ts'
import { numbersOf, someTensor, train } from '../../../../support/trained-model.ts'

const test = suite('layers of TensorFlow.js')

const { layers: l } = tf
const BATCH = 2

/** A layer, or several, on inputs of these sample shapes. */
interface Case {
  readonly shapes: readonly (readonly number[])[]
  readonly build: (...inputs: SymbolicTensor[]) => unknown
  /** Why TensorFlow.js cannot take a step to compare with. */
  readonly forwardOnly?: string
  /** The inputs are whole numbers below this one. */
  readonly below?: number
}

const one = (shape: readonly number[], layer: { apply(x: SymbolicTensor): unknown }): Case => ({
  shapes: [shape],
  build: (x) => layer.apply(x),
})
const merged = (layer: { apply(x: SymbolicTensor[]): unknown }, ...shapes: number[][]): Case => ({
  shapes,
  build: (...inputs) => layer.apply(inputs),
})
/** A convolution first, so that the layer meets channels that lie second. */
const afterConvolution = (layer: { apply(x: SymbolicTensor): unknown }): Case => ({
  shapes: [[5, 6, 2]],
  build: (x) => layer.apply(l.conv2d({ filters: 3, kernelSize: 1 }).apply(x) as SymbolicTensor),
})

const picture = [7, 6, 3]
const ACTIVATIONS =
  'elu gelu gelu_new hardSigmoid linear logSoftmax mish relu relu6 selu sigmoid softmax softplus softsign swish tanh'

const CASES: Readonly<Record<string, Case>> = {
  dense: one([4], l.dense({ units: 3, activation: 'tanh' })),
  'dense without a bias': one([4], l.dense({ units: 3, useBias: false })),
  'dense on sequences': one([5, 4], l.dense({ units: 3 })),
  'dense on pictures': afterConvolution(l.dense({ units: 4, activation: 'relu' })),
  embedding: { ...one([5], l.embedding({ inputDim: 9, outputDim: 3 })), below: 9 },
  conv2d: one(picture, l.conv2d({ filters: 4, kernelSize: [3, 2], activation: 'relu' })),
  'conv2d same': one(picture, l.conv2d({ filters: 4, kernelSize: 3, padding: 'same' })),
  'conv2d same, even and strided': one(picture, l.conv2d({ filters: 4, kernelSize: 4, strides: 2, padding: 'same' })),
  'conv2d same, strides beyond the kernel': one(
    picture,
    l.conv2d({ filters: 2, kernelSize: 1, strides: 3, padding: 'same' }),
  ),
  'conv2d dilated': {
    ...one(picture, l.conv2d({ filters: 2, kernelSize: 3, dilationRate: 2, padding: 'same' })),
    forwardOnly: 'it has no gradient of a dilated convolution',
  },
  'conv2d, softmax of channels': one(picture, l.conv2d({ filters: 4, kernelSize: 2, activation: 'softmax' })),
  'conv2d, channels first': one(
    [3, 7, 6],
    l.conv2d({ filters: 4, kernelSize: 3, padding: 'same', dataFormat: 'channelsFirst' }),
  ),
  conv1d: one([9, 3], l.conv1d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same' })),
  'depthwise conv2d': one(
    picture,
    l.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, strides: 2, padding: 'same' }),
  ),
  'separable conv2d': one(
    picture,
    l.separableConv2d({ filters: 5, kernelSize: 3, depthMultiplier: 2, activation: 'elu' }),
  ),
  'conv2d transposed': one(picture, l.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2, padding: 'same' })),
  'conv2d transposed, valid': one(picture, l.conv2dTranspose({ filters: 2, kernelSize: 2, strides: 3 })),
  'conv2d transposed, even': one(
    picture,
    l.conv2dTranspose({ filters: 2, kernelSize: 4, strides: 1, padding: 'same' }),
  ),
  'max pooling': one(picture, l.maxPooling2d({ poolSize: 2 })),
  'max pooling same': one(picture, l.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' })),
  'average pooling same': one(picture, l.averagePooling2d({ poolSize: [3, 2], strides: [2, 1], padding: 'same' })),
  'max pooling 1d': one([9, 3], l.maxPooling1d({ poolSize: 2 })),
  'average pooling 1d': one([9, 3], l.averagePooling1d({ poolSize: 3, strides: 2, padding: 'same' })),
  'global average pooling': one(picture, l.globalAveragePooling2d({})),
  'global max pooling': one(picture, l.globalMaxPooling2d({})),
  'global average pooling 1d': one([9, 3], l.globalAveragePooling1d({})),
  'global max pooling 1d': one([9, 3], l.globalMaxPooling1d({})),
  'batch norm': one([4], l.batchNormalization({})),
  'batch norm of pictures': afterConvolution(l.batchNormalization({ epsilon: 1e-2 })),
  'batch norm of sequences': {
    ...one([5, 4], l.batchNormalization({ scale: false })),
    forwardOnly: 'it reads the gain that is not there',
  },
  'layer norm': one([5, 4], l.layerNormalization({})),
  'layer norm of pictures': {
    ...afterConvolution(l.layerNormalization({ center: false })),
    forwardOnly: 'it reads the offset that is not there',
  },
  'layer norm along two axes': one([5, 4], l.layerNormalization({ axis: [1, 2] })),
  dropout: one([4], l.dropout({ rate: 0.5 })),
  'spatial dropout': one([5, 4], l.spatialDropout1d({ rate: 0.5 })),
  flatten: one([3, 4], l.flatten()),
  'flatten of channels': afterConvolution(l.flatten()),
  'flatten, channels first': one([3, 4, 5], l.flatten({ dataFormat: 'channelsFirst' })),
  reshape: afterConvolution(l.reshape({ targetShape: [10, -1] })),
  permute: afterConvolution(l.permute({ dims: [3, 1, 2] })),
  'repeat vector': one([4], l.repeatVector({ n: 3 })),
  'zero padding': afterConvolution(
    l.zeroPadding2d({
      padding: [
        [1, 0],
        [2, 3],
      ],
    }),
  ),
  cropping: afterConvolution(
    l.cropping2D({
      cropping: [
        [1, 0],
        [2, 1],
      ],
    }),
  ),
  'up sampling': {
    ...afterConvolution(l.upSampling2d({ size: [2, 3] })),
    forwardOnly: 'its gradient is wrong beyond the first sample',
  },
  'bilinear up sampling': {
    ...afterConvolution(l.upSampling2d({ size: [2, 3], interpolation: 'bilinear' })),
    forwardOnly: 'its gradient takes width for height',
  },
  'time distributed': one([3, 5, 4, 2], l.timeDistributed({ layer: l.conv2d({ filters: 2, kernelSize: 2 }) })),
  rescaling: one(picture, l.rescaling({ scale: 0.5, offset: -1 })),
  relu: one([9], l.reLU({ maxValue: 0.5 })),
  'leaky relu': one([9], l.leakyReLU({ alpha: 0.1 })),
  elu: one([9], l.elu({})),
  'thresholded relu': one([9], l.thresholdedReLU({ theta: 0.3 })),
  prelu: afterConvolution(l.prelu({ sharedAxes: [1, 2] })),
  softmax: afterConvolution(l.softmax({ axis: -1 })),
  add: merged(l.add(), [4, 3], [4, 3], [4, 3]),
  'add of fewer axes': merged(l.add(), [4, 3], [3]),
  multiply: merged(l.multiply(), [4, 3], [4, 3]),
  average: merged(l.average(), [4, 3], [4, 3], [4, 3]),
  maximum: merged(l.maximum(), [4, 3], [4, 3], [4, 3]),
  minimum: merged(l.minimum(), [4, 3], [4, 3]),
  concatenate: merged(l.concatenate(), [4, 3], [4, 2]),
  'concatenate along axis 1': merged(l.concatenate({ axis: 1 }), [4, 3], [2, 3]),
  'concatenate pictures, one of which has channels second': {
    shapes: [
      [4, 5, 2],
      [4, 5, 1],
    ],
    build: (a, b) => l.concatenate().apply([a, l.conv2d({ filters: 3, kernelSize: 1 }).apply(b) as SymbolicTensor]),
  },
  'channels by their weights': {
    shapes: [[4, 5, 3]],
    build: (x) => {
      const y = l.conv2d({ filters: 3, kernelSize: 1 }).apply(x) as SymbolicTensor
      const pooled = l.globalAveragePooling2d({}).apply(y) as SymbolicTensor
      return l.multiply().apply([l.reshape({ targetShape: [1, 1, 3] }).apply(pooled) as SymbolicTensor, y])
    },
  },
  'dot of vectors': merged(l.dot({ axes: 1, normalize: true }), [4], [4]),
  'dot of matrices': merged(l.dot({ axes: [1, 2] }), [4, 3], [5, 4]),
  ...Object.fromEntries(
    ACTIVATIONS.split(' ').map((activation) => [
      `activation ${activation}`,
      // biome-ignore lint/suspicious/noExplicitAny: the type names fewer than there are
      one([9], l.activation({ activation: activation as any })),
    ]),
  ),
}

for (const [name, { shapes, build, below, forwardOnly }] of Object.entries(CASES))
  test(name, async () => {
    const inputs = shapes.map((shape) => tf.input({ shape: [...shape] }))
    const model = withSomeWeights(tf.model({ inputs, outputs: build(...inputs) as SymbolicTensor }))
    const imported = await importTfjs(model)
    const batch = shapes.map((shape, i) =>
      below === undefined ? someTensor([BATCH, ...shape], i + 1) : someWholeNumbers([BATCH, ...shape], below),
    )
    const right = model.predict(batch.map(toTf)) as ReturnType<typeof toTf>
    const named = Object.fromEntries(Object.keys(imported.inputs).map((input, i) => [input, batch[i]!]))
    const [found] = Object.values(await forward(imported, named))
    assert.equal(found!.shape, right.shape)
    const off = distance(numbersOf(found), await right.data())
    assert.ok(off <= 1e-5, `off by ${off}`)
    if (imported.weights.length === 0 || forwardOnly !== undefined) return
    const labels = someTensor(right.shape, 5)
    const built = trainingStep({
      model: imported.network,
      loss: meanSquaredError(),
      optimizer: sgd(),
      inputs: { ...imported.inputs, labels: { dtype: 'float32', shape: right.shape.slice(1) } },
      batchSize: BATCH,
    })
    const { state } = await train(built, [{ ...named, labels }], { learningRate: 0.5 })
    model.compile({ optimizer: tf.train.sgd(0.5), loss: 'meanSquaredError' })
    await model.trainOnBatch(batch.map(toTf), toTf(labels))
    for (const [i, weight] of model.getWeights().entries()) {
      const { name, shape, values } = imported.toTfjsWeights(state)[i]!
      assert.equal(shape, weight.shape)
      const off = distance(values, await weight.data())
      assert.ok(off <= 1e-5, `${name} after a step is off by ${off}`)
    }
  })

// In TensorFlow.js this is wrong on the CPU: its kernel takes any axis for the last.
test('batch norm along axis 1 is that along the last of a value turned', async () => {
  const x = tf.input({ shape: [3, 4, 5] })
  const permuted = (value: unknown, dims: number[]) => l.permute({ dims }).apply(value as SymbolicTensor)
  const turned = permuted(l.batchNormalization({}).apply(permuted(x, [2, 3, 1]) as SymbolicTensor), [3, 1, 2])
  const models = [l.batchNormalization({ axis: 1 }).apply(x), turned].map((y) =>
    withSomeWeights(tf.model({ inputs: x, outputs: y as SymbolicTensor })),
  )
  const batch = { x: someTensor([BATCH, 3, 4, 5]) }
  const [found, right] = await Promise.all(
    models.map(async (model) => (await forward(await importTfjs(model, { inputs: ['x'], outputs: ['y'] }), batch)).y),
  )
  assert.ok(distance(numbersOf(found), numbersOf(right)) < 1e-6)
})

test.run()
