import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  attention,
  averagePool,
  batchNorm,
  conv2d,
  dense,
  depthwiseConv2d,
  dropout,
  embedding,
  flatten,
  gelu,
  geluTanh,
  globalAveragePool,
  globalMaxPool,
  type Layer,
  layerNorm,
  maxPool,
  type Network,
  positions,
  relu,
  residual,
  rmsNorm,
  sequential,
  sigmoid,
  silu,
  softmax,
  tanh,
} from '../../../../runtime/compute/graph/index.ts'
import type { Tensor } from '../../../../runtime/data/tensor/index.ts'
import { checkModelGradients } from '../../../support/model-gradients.ts'
import { someLabels, someTensor } from '../../../support/trained-model.ts'

/** A layer, and the shape of one sample. */
type Case = readonly [layer: Layer | Network, sample: readonly number[], tokens?: number]

/** Behind something to learn, so that the gradient has to go through it. */
const after = (first: Layer, ...layers: readonly Layer[]) => sequential([first, ...layers])
const activated = (activation: Layer): Case => [after(dense(5), activation, dense(2)), [3]]

const CASES: Readonly<Record<string, Case>> = {
  'dense on rows of rows': [after(dense(4), dense(3, { bias: false })), [2, 3]],
  'dense, used twice': [((shared) => after(shared, tanh(), shared))(dense(3)), [3]],
  relu: activated(relu()),
  sigmoid: activated(sigmoid()),
  tanh: activated(tanh()),
  silu: activated(silu()),
  gelu: activated(gelu()),
  'gelu by tanh': activated(geluTanh()),
  softmax: activated(softmax()),
  conv2d: [after(conv2d(3, 3), conv2d(2, 2, { bias: false })), [2, 6, 5]],
  'conv2d with stride and padding': [
    after(conv2d(3, 3, { padding: 1, stride: 2 }), conv2d(2, 3, { padding: 'same' })),
    [2, 7, 6],
  ],
  'conv2d that keeps the size by half': [
    after(conv2d(3, 3, { padding: 'same', stride: 2 }), conv2d(2, [1, 2])),
    [1, 6, 5],
  ],
  'conv2d with dilation and groups': [
    after(conv2d(4, 2, { dilation: [2, 1] }), conv2d(4, 2, { groups: 2 })),
    [2, 6, 5],
  ],
  'depthwise conv2d': [after(conv2d(3, 1), depthwiseConv2d(3, { multiplier: 2, padding: 'same' })), [2, 4, 5]],
  'max pool': [after(conv2d(2, 3, { padding: 1 }), maxPool(2), flatten(), dense(2)), [1, 6, 6]],
  'max pool that overlaps': [
    after(conv2d(2, 3), maxPool(3, { stride: 2, padding: 1 }), flatten(), dense(2)),
    [1, 7, 6],
  ],
  'average pool': [after(conv2d(2, 3), averagePool(2, { padding: 'same' }), flatten(), dense(2)), [1, 7, 6]],
  'global pools': [
    (s, { x }) => {
      const features = s.call(conv2d(3, 2), x!)
      return s.g.add(s.call(globalAveragePool(), features), s.call(globalMaxPool(), features))
    },
    [2, 4, 3],
  ],
  'batch norm of pictures': [after(conv2d(3, 2), batchNorm(), relu(), flatten(), dense(2)), [2, 4, 3]],
  'batch norm of features': [after(dense(4), batchNorm({ epsilon: 0.1 }), dense(2)), [3]],
  'layer norm': [after(dense(6), layerNorm(), dense(2)), [2, 4]],
  'rms norm': [after(dense(6), rmsNorm(), dense(2)), [2, 4]],
  'embedding and positions': [after(embedding(7, 4), positions(), dense(2)), [5], 7],
  attention: [after(dense(4), attention({ heads: 2 })), [3, 4]],
  'causal attention': [after(positions(), attention({ heads: 3, causal: true })), [4, 6]],
  'attention to something else': [
    (s, { x }) => {
      const memory = s.call(dense(4), s.g.slice(x!, { axes: [1], starts: [0], ends: [2] }))
      return s.call(attention({ heads: 2, memory, bias: false }), x!)
    },
    [5, 4],
  ],
  residual: [after(dense(3), residual([layerNorm(), dense(5), gelu(), dense(3)])), [4]],
  dropout: [after(dense(6), dropout(0.4), dense(2)), [3]],
}

const BATCH = 5

for (const [name, [model, sample, tokens]] of Object.entries(CASES))
  test(`${name}: its gradients are those of finite differences`, async () => {
    const shape = [BATCH, ...sample]
    const x: Tensor = tokens === undefined ? someTensor(shape, 2) : someLabels(shape, tokens, 2)
    const inputs = { x: { dtype: x.dtype, shape: sample } }
    assert.ok((await checkModelGradients(name, { model, inputs, batchSize: BATCH, batch: { x } })) > 0)
  })

test.run()
