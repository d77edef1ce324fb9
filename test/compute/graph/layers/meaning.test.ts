import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  attention,
  batchNorm,
  binaryCrossEntropy,
  crossEntropy,
  dense,
  dropout,
  frozen,
  type Layer,
  lora,
  meanSquaredError,
  type Network,
  normal,
  positions,
  readModel,
  sequential,
  sgd,
  type TrainingInit,
  type TrainingStep,
  tanh,
  trainingStep,
  zeros,
} from '../../../../runtime/compute/graph/index.ts'
import { type NamedTensors, type Tensor, tensorOf } from '../../../../runtime/data/tensor/index.ts'
import { refusesSync } from '../../../data/refusal.ts'
import { runModel } from '../../../support/gradient-check.ts'
import { numbersOf, someLabels, someTensor, train } from '../../../support/trained-model.ts'

const BATCH = 4

/** A step that makes the output zero; the output has `outputs` as its shape. */
function stepOf(
  model: Layer | Network,
  sample: readonly number[],
  outputs: readonly number[],
  more: Partial<TrainingInit> = {},
): TrainingStep {
  const inputs = {
    x: { dtype: 'float32' as const, shape: sample },
    labels: { dtype: 'float32' as const, shape: outputs },
  }
  return trainingStep({ model, inputs, loss: meanSquaredError(), optimizer: sgd(), batchSize: BATCH, ...more })
}

/** What the model gives as it is used, with these weights. */
async function outputOf(
  built: TrainingStep,
  inputs: NamedTensors,
  state = built.initialState(),
): Promise<Float32Array> {
  return numbersOf((await runModel(readModel(built.inference(state)), inputs)).output)
}

function near(found: ArrayLike<number>, expected: ArrayLike<number>, what: string, within = 1e-5): void {
  assert.is(found.length, expected.length, what)
  const worst = Math.max(...Array.from(found, (value, i) => Math.abs(value - expected[i]!)))
  assert.ok(worst <= within, `${what}: off by ${worst}`)
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

test('batch norm follows the statistics of batches, and is used with what it followed', async () => {
  for (const unbiased of [true, false]) {
    const built = stepOf(batchNorm({ momentum: 0.8, unbiased }), [3, 2], [3, 2])
    assert.equal(
      built.signature.state.map(({ name, role }) => `${name} ${role}`),
      ['gain parameter', 'bias parameter', 'mean statistic', 'variance statistic'],
    )
    const batches = [1, 2].map((seed) => ({ x: someTensor([BATCH, 3, 2], seed), labels: someTensor([BATCH, 3, 2]) }))
    const { state } = await train(built, batches, { learningRate: 0 })
    const expected = [0, 1, 2].map((channel) => {
      let [running, spread] = [0, 1]
      for (const { x } of batches) {
        const own = Array.from(numbersOf(x)).filter((_, i) => Math.floor(i / 2) % 3 === channel)
        const squares = own.reduce((sum, value) => sum + (value - mean(own)) ** 2, 0)
        running = 0.8 * running + 0.2 * mean(own)
        spread = 0.8 * spread + (0.2 * squares) / (own.length - (unbiased ? 1 : 0))
      }
      return [running, spread] as const
    })
    near(
      numbersOf(state.mean),
      expected.map(([running]) => running),
      'running means',
    )
    near(
      numbersOf(state.variance),
      expected.map(([, spread]) => spread),
      'running variances',
    )
    const x = someTensor([2, 3, 2], 5)
    const used = Array.from(numbersOf(x), (value, i) => {
      const [running, spread] = expected[Math.floor(i / 2) % 3]!
      return (value - running) / Math.sqrt(spread + 1e-5)
    })
    near(await outputOf(built, { x }, state), used, 'in use')
  }
})

test('a frozen batch norm is as it is in use, and its statistics stay', () => {
  const built = stepOf(sequential([dense(3), frozen(batchNorm()), dense(2)]), [3], [2])
  assert.equal(
    built.signature.frozen.map(({ name }) => name),
    ['gain', 'bias', 'mean', 'variance'].map((name) => `batch_norm_1/${name}`),
  )
  assert.equal(readModel(built.step).graph.node.filter(({ opType }) => opType === 'ReduceSumSquare').length, 0)
})

/** Multi-head attention in plain arithmetic. */
function attended(x: number[][], state: NamedTensors, heads: number, sees: (place: number, key: number) => boolean) {
  const width = x[0]!.length
  const size = width / heads
  const project = (rows: number[][], name: string) => {
    const [w, b] = [numbersOf(state[`${name}/weight`]), numbersOf(state[`${name}/bias`])]
    return rows.map((row) =>
      Array.from({ length: width }, (_, j) => row.reduce((sum, v, k) => sum + v * w[k * width + j]!, b[j]!)),
    )
  }
  const [q, k, v] = ['query', 'key', 'value'].map((name) => project(x, name)) as [number[][], number[][], number[][]]
  const mixed = x.map((_, place) => {
    const row = new Array<number>(width).fill(0)
    for (let head = 0; head < heads; head++) {
      const at = Array.from({ length: size }, (_, i) => head * size + i)
      const scores = k.map((key, other) =>
        sees(place, other) ? Math.exp(at.reduce((sum, i) => sum + q[place]![i]! * key[i]!, 0) / Math.sqrt(size)) : 0,
      )
      const total = scores.reduce((a, b) => a + b, 0)
      for (const i of at) row[i] = scores.reduce((sum, score, other) => sum + (score / total) * v[other]![i]!, 0)
    }
    return row
  })
  return project(mixed, 'output').flat()
}

test('attention is the formula of the paper; causal, a place does not see those behind it', async () => {
  for (const causal of [false, true]) {
    const built = stepOf(attention({ heads: 2, causal, biasInitial: normal(1) }), [3, 4], [3, 4])
    const x = someTensor([1, 3, 4], 3)
    const rows = Array.from({ length: 3 }, (_, i) => Array.from(numbersOf(x).subarray(4 * i, 4 * i + 4)))
    const expected = attended(rows, built.initialState(), 2, (place, key) => !causal || key <= place)
    near(await outputOf(built, { x }), expected, `causal: ${causal}`)
  }
})

test('attention does not see what a mask leaves out', async () => {
  const model: Network = (s, { x, there }) => s.call(attention({ heads: 1, keyMask: there! }), x!)
  const built = stepOf(model, [3, 2], [3, 2], {
    inputs: {
      x: { dtype: 'float32', shape: [3, 2] },
      there: { dtype: 'uint8', shape: [3] },
      labels: { dtype: 'float32', shape: [3, 2] },
    },
  })
  const x = someTensor([1, 3, 2], 3)
  const rows = Array.from({ length: 3 }, (_, i) => Array.from(numbersOf(x).subarray(2 * i, 2 * i + 2)))
  const state = Object.entries(built.initialState()).map(([name, tensor]) => [name.replace('attention_1/', ''), tensor])
  const expected = attended(rows, Object.fromEntries(state), 1, (_, key) => key !== 1)
  near(await outputOf(built, { x, there: tensorOf(Uint8Array.of(1, 0, 1), [1, 3]) }), expected, 'masked')
})

test('dropout takes what to leave out as an input, and leaves nothing out in use', async () => {
  const built = stepOf(sequential([dropout(0.25), dense(2)]), [3], [2])
  assert.equal(built.signature.masks, [{ name: 'dropout_1/mask', shape: [BATCH, 3], keep: 0.75 }])
  const x = someTensor([BATCH, 3], 1)
  const labels = tensorOf(new Float32Array(2 * BATCH), [BATCH, 2])
  const mask = tensorOf(Uint8Array.of(1, 1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 0), [BATCH, 3])
  const { losses } = await train(built, [{ x, labels }], { masks: { 'dropout_1/mask': mask } })
  const kept = tensorOf(
    Float32Array.from(numbersOf(x), (value, i) => (value * mask.data[i]!) / 0.75),
    [BATCH, 3],
  )
  const output = await outputOf(built, { x: kept }) // in use: the dense layer alone
  near(losses, [mean(Array.from(output, (value) => value ** 2))], 'loss')
  const parts = stepOf(sequential([dropout(0.25), dense(2)]), [3], [2], { accumulate: 2 })
  assert.equal(
    parts.signature.masks.map(({ name, shape }) => `${name} [${shape}]`),
    ['dropout_1/mask [2,3]', 'dropout_1/mask_2 [2,3]'],
  )
})

test('with LoRA adapters alone are learned and travel, beginning at the model as it was, and leave merged', async () => {
  const base = sequential([positions(), attention({ heads: 2 }), dense(5), tanh(), dense(2)])
  const options = { rank: 2, alpha: 6, targets: ['query', 'value', 'dense_1'] }
  const built = stepOf(lora(base, options), [3, 4], [3, 2], { seed: 4 })
  const adapters = ['attention_1/query', 'attention_1/value', 'dense_1'].flatMap((name) => [
    `${name}/lora_a`,
    `${name}/lora_b`,
  ])
  assert.equal(
    built.signature.state.map(({ name, role }) => `${name} ${role}`),
    adapters.map((name) => `${name} adapter`),
  )
  assert.equal(built.signature.frozen.length, stepOf(base, [3, 4], [3, 2]).signature.state.length)
  const x = someTensor([BATCH, 3, 4], 1)
  near(
    await outputOf(built, { x }),
    await outputOf(stepOf(base, [3, 4], [3, 2], { seed: 4 }), { x }),
    'before the first step',
    1e-6,
  )
  const batches = Array.from({ length: 5 }, (_, i) => ({ x, labels: someTensor([BATCH, 3, 2], 9 + (i % 2)) }))
  const { state, losses } = await train(built, batches, { learningRate: 0.2 })
  assert.ok(losses[4]! < losses[0]!)
  const model = readModel(built.inference(state))
  assert.not.ok(model.graph.initializer.some(({ name }) => name.includes('lora')))
  const merged = numbersOf((await runModel(model, { x })).output)
  const { loss } = await runModel(readModel(built.evaluation()), { ...state, ...built.frozen(), ...batches[0]! })
  const expected = mean(Array.from(merged, (value, i) => (value - numbersOf(batches[0]!.labels)[i]!) ** 2))
  near(numbersOf(loss), [expected], 'merged and apart are the same')
  assert.match(
    refusesSync('graph.nothing-to-train', () => stepOf(lora(base, { rank: 1, targets: ['none'] }), [3, 4], [3, 2]))
      .message,
    /train/,
  )
})

test('losses are what their formulas say', async () => {
  const logits = someTensor([2, 3, 4], 3)
  const labels = someLabels([2, 3], 4, 5)
  const target = someTensor([2, 3, 4], 6)
  const lossOf = async (loss: TrainingInit['loss'], right: Tensor) => {
    const built = trainingStep({
      model: (s, { x }) => s.g.add(x!, s.parameter('zero', { shape: [4], initial: zeros })),
      inputs: { x: { dtype: 'float32', shape: [3, 4] }, labels: { dtype: right.dtype, shape: right.shape.slice(1) } },
      loss,
      optimizer: sgd(),
      batchSize: 2,
    })
    return (await train(built, [{ x: logits, labels: right }])).losses[0]!
  }
  const flat = Array.from(numbersOf(logits))
  const rows = Array.from({ length: 6 }, (_, i) => flat.slice(4 * i, 4 * i + 4))
  const chosen = Array.from(new BigInt64Array(labels.data.buffer), Number)
  const logShares = rows.map((row) => {
    const total = Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0))
    return row.map((value) => value - total)
  })
  for (const smoothing of [0, 0.2]) {
    const each = logShares.map((row, i) => -(1 - smoothing) * row[chosen[i]!]! - smoothing * mean(row))
    near([await lossOf(crossEntropy({ smoothing }), labels)], [mean(each)], `smoothing ${smoothing}`)
  }
  const wanted = Array.from(numbersOf(target))
  near([await lossOf(meanSquaredError(), target)], [mean(flat.map((value, i) => (value - wanted[i]!) ** 2))], 'squares')
  const sides = tensorOf(
    Float32Array.from(wanted, (value) => (value > 0 ? 1 : 0)),
    [2, 3, 4],
  )
  const share = (value: number) => 1 / (1 + Math.exp(-value))
  const entropies = flat.map((value, i) => -Math.log(wanted[i]! > 0 ? share(value) : 1 - share(value)))
  near([await lossOf(binaryCrossEntropy(), sides)], [mean(entropies)], 'binary')
})

test.run()
