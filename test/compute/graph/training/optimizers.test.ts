import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  adam,
  adamw,
  crossEntropy,
  dense,
  muon,
  type Network,
  type Optimizer,
  sequential,
  sgd,
  trainingStep,
  zeros,
} from '../../../../runtime/compute/graph/index.ts'
import { numbersOf, someTensor, train } from '../../../support/trained-model.ts'

const SHAPES = { weight: [3, 4], bias: [4] } as const
const STEPS = 6
const RATE = 0.05

/** A model whose loss is the sum of its parameters times what the batch says: the batch is the gradient. */
const linear: Network = (s, inputs) => {
  const { g } = s
  const weight = s.parameter('weight', { shape: SHAPES.weight, initial: someTensor(SHAPES.weight, 5) })
  const bias = s.parameter('bias', { shape: SHAPES.bias, initial: someTensor(SHAPES.bias, 6), kind: 'bias' })
  const dot = (a: typeof weight, name: string) => g.sum(g.mul(a, g.reshape(inputs[name]!, a.shape)), undefined, false)
  return { output: g.add(dot(weight, 'weight.gradient'), dot(bias, 'bias.gradient')) }
}

/** Runs an optimiser on given gradients; `reference` does the same to one number. */
async function follows(
  optimizer: Optimizer,
  reference: (decays: boolean) => (w: number, d: number) => number,
  clip?: number,
) {
  const built = trainingStep({
    model: linear,
    loss: (_, { output }) => ({ loss: output! }),
    optimizer,
    inputs: {
      'weight.gradient': { dtype: 'float32', shape: SHAPES.weight },
      'bias.gradient': { dtype: 'float32', shape: SHAPES.bias },
    },
    batchSize: 1,
    ...(clip !== undefined && { clip }),
  })
  const batches = Array.from({ length: STEPS }, (_, i) => ({
    'weight.gradient': someTensor([1, ...SHAPES.weight], 10 + i),
    'bias.gradient': someTensor([1, ...SHAPES.bias], 20 + i),
  }))
  const { state, metrics } = await train(built, batches, { learningRate: RATE })
  const norms = batches.map((batch) =>
    Math.hypot(...Object.values(batch).flatMap((tensor) => Array.from(numbersOf(tensor)))),
  )
  for (const name of ['weight', 'bias'] as const) {
    const expected = Array.from(numbersOf(someTensor(SHAPES[name], name === 'weight' ? 5 : 6)), (begin, i) => {
      const step = reference(name === 'weight')
      return batches.reduce((w, batch, at) => {
        const d = numbersOf(batch[`${name}.gradient`])[i]!
        return step(w, clip === undefined ? d : d * Math.min(1, clip / (norms[at]! + 1e-6)))
      }, begin)
    })
    const found = numbersOf(state[name])
    const worst = Math.max(...expected.map((value, i) => Math.abs(value - found[i]!)))
    assert.ok(worst < 1e-6, `${name} is off by ${worst}: ${Array.from(found)} for ${expected}`)
  }
  return { built, metrics, norms }
}

test('plain descent', async () => {
  const { built } = await follows(sgd(), () => (w, d) => w - RATE * d)
  assert.equal(
    built.signature.state.map(({ name, role }) => `${name} ${role}`),
    ['weight parameter', 'bias parameter'],
  )
  assert.equal(built.signature.scalars, { learningRate: 'learningRate' })
})

test('descent with momentum, Nesterov and decay of weights alone', async () => {
  const { built } = await follows(sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.1 }), (decays) => {
    let v = 0
    return (w, raw) => {
      const d = raw + (decays ? 0.1 * w : 0)
      v = 0.9 * v + d
      return w - RATE * (d + 0.9 * v)
    }
  })
  assert.equal(
    built.signature.state.map(({ name, role }) => `${name} ${role}`),
    ['weight parameter', 'bias parameter', 'weight.momentum optimizer', 'bias.momentum optimizer'],
  )
  assert.equal(Object.values(built.initialState())[2]!, { dtype: 'float32', shape: [3, 4], data: new Uint8Array(48) })
})

/** Algorithm 1 of the paper, as it stands there. */
function adamReference(decay = 0) {
  return (decays: boolean) => {
    let [m, v, t] = [0, 0, 0]
    return (w: number, d: number) => {
      t++
      m = 0.9 * m + 0.1 * d
      v = 0.999 * v + 0.001 * d * d
      const kept = decays ? w * (1 - RATE * decay) : w
      return kept - (RATE * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-8)
    }
  }
}

test('Adam, from the first step on', async () => {
  const { built } = await follows(adam(), adamReference())
  assert.equal(built.signature.scalars, { learningRate: 'learningRate', step: 'step' })
})

test('AdamW takes decay off weights, not biases', async () => {
  await follows(adamw({ weightDecay: 0.3 }), adamReference(0.3))
})

test('gradients above a norm are shortened together, and the norm is told', async () => {
  const { metrics, norms } = await follows(sgd(), () => (w, d) => w - RATE * d, 1.5)
  metrics.forEach(({ gradientNorm }, i) => {
    assert.ok(Math.abs(gradientNorm! - norms[i]!) < 1e-5)
  })
  assert.ok(
    norms.some((norm) => norm > 1.5),
    'some were clipped',
  )
})

/** Rows of a matrix, and its product with another. */
type Matrix = readonly (readonly number[])[]
const transposed = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!))
const times = (a: Matrix, b: Matrix): Matrix => {
  const columns = transposed(b)
  return a.map((row) => columns.map((column) => row.reduce((sum, x, k) => sum + x * column[k]!, 0)))
}
const sum = (...terms: readonly (readonly [number, Matrix])[]): Matrix =>
  terms[0]![1].map((row, i) => row.map((_, j) => terms.reduce((found, [factor, m]) => found + factor * m[i]![j]!, 0)))

/** `zeropower_via_newtonschulz5` of the post, in doubles. */
function newtonSchulz(matrix: Matrix): Matrix {
  const isTall = matrix.length > matrix[0]!.length
  const norm = Math.hypot(...matrix.flat())
  let x = sum([1 / (norm + 1e-7), isTall ? transposed(matrix) : matrix])
  for (let i = 0; i < 5; i++) {
    const a = times(x, transposed(x))
    x = sum([3.4445, x], [1, times(sum([-4.775, a], [2.0315, times(a, a)]), x)])
  }
  return isTall ? transposed(x) : x
}

for (const shape of [
  [3, 5],
  [5, 3],
] as const)
  test(`Muon on a matrix [${shape}], Adam on what is none`, async () => {
    const begin = someTensor(shape, 5)
    const model: Network = (s, { d }) => {
      const weight = s.parameter('weight', { shape, initial: begin })
      const bias = s.parameter('bias', { shape: [15], initial: zeros, kind: 'bias' })
      const { g } = s
      return g.add(
        g.sum(g.mul(weight, g.reshape(d!, shape)), undefined, false),
        g.sum(g.mul(bias, g.reshape(d!, [15])), undefined, false),
      )
    }
    const built = trainingStep({
      model,
      loss: (_, { output }) => ({ loss: output! }),
      optimizer: muon({ matrices: ({ name }) => name === 'weight' }),
      inputs: { d: { dtype: 'float32', shape: [15] } },
      batchSize: 1,
    })
    const batches = Array.from({ length: STEPS }, (_, i) => ({ d: someTensor([1, 15], 30 + i) }))
    const { state } = await train(built, batches, { learningRate: RATE })
    const rowsOf = (flat: Float32Array): Matrix =>
      Array.from({ length: shape[0] }, (_, i) => Array.from(flat.subarray(i * shape[1], (i + 1) * shape[1])))
    let [weight, velocity] = [rowsOf(numbersOf(begin)), rowsOf(new Float32Array(15))]
    for (const { d } of batches) {
      const gradient = rowsOf(numbersOf(d))
      velocity = sum([0.95, velocity], [1, gradient])
      const even = newtonSchulz(sum([1, gradient], [0.95, velocity]))
      weight = sum([1, weight], [-RATE * Math.sqrt(Math.max(1, shape[1] / shape[0])), even])
    }
    const found = numbersOf(state.weight)
    const worst = Math.max(...weight.flat().map((value, i) => Math.abs(value - found[i]!)))
    assert.ok(worst < 1e-5, `off by ${worst}`)
    const adams = Array.from({ length: 15 }, (_, i) => {
      const step = adamReference()(false)
      return batches.reduce((w, { d }) => step(w, numbersOf(d)[i]!), 0) * 0.05
    })
    assert.ok(adams.every((value, i) => Math.abs(value - numbersOf(state.bias)[i]!) < 1e-6))
  })

test('the last matrix of a model, which gives its output, is left to Adam', () => {
  const built = trainingStep({
    model: sequential([dense(4), dense(2)]),
    loss: crossEntropy(),
    optimizer: muon(),
    inputs: { x: { dtype: 'float32', shape: [3] }, labels: { dtype: 'int64', shape: [] } },
    batchSize: 2,
  })
  const kept = built.signature.state.filter(({ role }) => role === 'optimizer').map(({ name }) => name)
  assert.ok(kept.includes('dense_1/weight.momentum') && kept.includes('dense_2/weight.first'))
  assert.not.ok(kept.includes('dense_2/weight.momentum') || kept.includes('dense_1/bias.momentum'))
})

test.run()
