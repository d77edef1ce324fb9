import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  adamw,
  attention,
  batchNorm,
  conv2d,
  crossEntropy,
  dense,
  dropout,
  embedding,
  globalAveragePool,
  layerNorm,
  maxPool,
  muon,
  nextTokens,
  pixels,
  positions,
  readModel,
  relu,
  reshape,
  residual,
  sequential,
  signature,
  silu,
  type TrainingInit,
  trainingStep,
} from '../../../../runtime/compute/graph/index.ts'
import { type NamedTensors, tensorOf } from '../../../../runtime/data/tensor/index.ts'
import { someNumbers } from '../../../support/gradient-check.ts'
import { someLabels, train } from '../../../support/trained-model.ts'

const BATCH = 8

/** Bytes that look random, below `end`. */
const bytes = (shape: readonly number[], end: number, seed = 1) =>
  tensorOf(
    Uint8Array.from(
      someNumbers(
        shape.reduce((a, b) => a * b, 1),
        seed,
      ),
      (x) => ((x + 1) / 2) * end,
    ),
    shape,
  )

interface Whole {
  readonly init: Omit<TrainingInit, 'batchSize'>
  readonly batch: NamedTensors
  readonly learningRate: number
}

const MODELS: Readonly<Record<string, Whole>> = {
  'a residual network of pictures': {
    init: {
      model: sequential([
        pixels(),
        reshape([1, 8, 8]),
        conv2d(6, 3, { padding: 'same', bias: false }),
        batchNorm(),
        relu(),
        maxPool(2),
        residual([conv2d(6, 3, { padding: 'same', bias: false }), batchNorm(), relu()]),
        globalAveragePool(),
        dropout(0.1),
        dense(4),
      ]),
      loss: crossEntropy({ smoothing: 0.05 }),
      optimizer: adamw(),
      inputs: { images: { dtype: 'uint8', shape: [8, 8] }, labels: { dtype: 'int64', shape: [] } },
    },
    batch: { images: bytes([BATCH, 8, 8], 256), labels: someLabels([BATCH], 4) },
    learningRate: 0.02,
  },
  'a transformer of characters': {
    init: {
      model: sequential([
        embedding(11, 16),
        positions(),
        residual([layerNorm(), attention({ heads: 2, causal: true })]),
        residual([layerNorm(), dense(32), silu(), dense(16)]),
        layerNorm(),
        dense(11),
      ]),
      loss: crossEntropy(),
      optimizer: muon({ restRate: 0.5 }),
      inputs: { tokens: { dtype: 'uint8', shape: [9] } },
      prepare: nextTokens(),
      clip: 1,
      accumulate: 2,
    },
    batch: { tokens: bytes([BATCH, 9], 11) },
    learningRate: 0.05,
  },
}

for (const [name, { init, batch, learningRate }] of Object.entries(MODELS))
  test(`${name}: the loss falls, and two runs are the same to the bit`, async () => {
    const built = trainingStep({ ...init, batchSize: BATCH })
    const batches = Array.from({ length: 60 }, () => batch)
    const run = () => train(built, batches, { learningRate })
    const [one, other] = [await run(), await run()]
    assert.equal(one.state, other.state)
    assert.equal(one.metrics, other.metrics)
    const [first, last] = [one.losses[0]!, one.losses.at(-1)!]
    assert.ok(last < 0.5 * first, `from ${first} to ${last}`)
    // Only operators that every engine has; the numbers differ by rounding alone at first.
    const portable = await train(trainingStep({ ...init, batchSize: BATCH, target: 'portable' }), batches.slice(0, 3), {
      learningRate,
    })
    for (const [i, loss] of portable.losses.entries()) assert.ok(Math.abs(loss - one.losses[i]!) < 1e-4)
    const model = readModel(built.inference(one.state))
    assert.is(signature(model).inputs.length, 1)
    assert.is(signature(model).outputs[0]!.shape![0], 'batch')
  })

test.run()
