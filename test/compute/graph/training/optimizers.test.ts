import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  adam,
  adamw,
  type Network,
  type Optimizer,
  sgd,
  trainingStep,
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

test.run()
