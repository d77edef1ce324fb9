import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type AividaError, isAividaError } from '../../../runtime/base/index.ts'
import { adam, crossEntropy, dense } from '../../../runtime/compute/graph/index.ts'
import { tensorOf } from '../../../runtime/data/tensor/index.ts'
import { type TrainingDefinition, training } from '../../../runtime/node/training/index.ts'

const GOOD = {
  model: dense(2),
  loss: crossEntropy(),
  optimizer: adam(),
  inputs: { x: { dtype: 'float32', shape: [2] }, labels: { dtype: 'uint8', shape: [] } },
  batchSize: 2,
  data: { x: tensorOf(new Float32Array(8), [4, 2]), labels: tensorOf(new Uint8Array(4)) },
  epochs: 1,
  learningRate: 0.1,
} satisfies TrainingDefinition

/** As JavaScript would write it: without types. */
function refusal(changes: Readonly<Record<string, unknown>>): AividaError {
  try {
    training({ ...GOOD, ...changes } as TrainingDefinition)
  } catch (error) {
    if (isAividaError(error)) return error
    throw error
  }
  throw new Error(`taken: ${Object.keys(changes)}`)
}

test('a training that says what it should is taken as it is', () => {
  for (const changes of [
    {},
    { learningRate: { kind: 'cosine', rate: 1e-3, warmUpSteps: 0, finalShare: 0 } as const },
    { learningRate: { kind: 'decay', rate: 1e-3, everySteps: 5, factor: 0.5 } as const, validation: { share: 0.5 } },
    { data: 'rows.file', validation: GOOD.data, select: { patience: 3 }, requirements: { provider: 'cpu' } as const },
  ]) {
    const definition = { ...GOOD, ...changes }
    assert.is(training(definition).definition, definition)
  }
})

test('an option that there is none of is refused, with the one that was meant', () => {
  for (const [changes, option, message] of [
    [{ bathSize: 2 }, 'bathSize', /unknown option bathSize of a training: did you mean batchSize\?/],
    [{ epoch: 2 }, 'epoch', /did you mean epochs\?/],
    [{ frobnicate: 2 }, 'frobnicate', /known are model, loss, optimizer/],
    [{ select: { metric: 'accuracy' } }, 'select', /goal: 'max' or 'min'/],
    [{ select: { patiance: 2 } }, 'select.patiance', /did you mean select\.patience\?/],
    [{ worker: 2 }, 'worker', /did you mean workers\?/],
    [{ workers: { min: 2, most: 4 } }, 'workers.most', /known are min, max/],
    [{ sync: 'auto' }, 'sync', /say how many: workers: 4/],
    [{ requirements: { memory: 2 } }, 'requirements.memory', /requirements\.memory/],
  ] as const) {
    const { code, category, facts, message: found } = refusal(changes)
    assert.equal([code, category, facts.option], ['train.option', 'user', option])
    assert.match(found, message)
  }
})

test('an option that is missing or of another kind says what was expected and what came', () => {
  for (const [changes, message] of [
    [{ learningRate: undefined }, /expected a number above 0, or a schedule .* for learningRate, found nothing/],
    [{ learningRate: { kind: 'cosine', rate: 1 } }, /for learningRate, found \{ kind: "cosine", rate: 1 \}/],
    [{ learningRate: 0 }, /for learningRate, found 0/],
    [{ loss: 'crossEntropy' }, /expected a loss such as crossEntropy\(\) for loss, found "crossEntropy"/],
    [{ optimizer: 'adam' }, /expected an optimiser such as adam\(\) for optimizer, found "adam"/],
    [{ model: null }, /expected a layer .* for model, found null/],
    [{ inputs: { x: [2] } }, /expected columns by name, .* for inputs, found \{ x: a list of 1 \}/],
    [{ batchSize: '2' }, /expected a whole number of at least 1 for batchSize, found "2"/],
    [{ data: undefined }, /expected .* for data, found nothing/],
    [{ validation: { shar: 0.1 } }, /or \{ share: 0\.1 \} for validation, found \{ shar: 0\.1 \}/],
    [{ workers: 0 }, /expected a number of workers from 1 to 64, or \{ min: 2, max: 8 \} for workers, found 0/],
    [{ workers: { min: 0, max: 2 } }, /for workers, found \{ min: 0, max: 2 \}/],
    [{ workers: 2, sync: 'diloco' }, /expected 'auto', diloco\(\) or gradients\(\) for sync, found "diloco"/],
    [{ workers: 2, aggregation: 'median' }, /expected 'mean', median\(\) or trimmedMean\(1\) for aggregation/],
    [{ workers: 2, late: { factor: 2, maxAge: 1 } }, /for late, found \{ factor: 2, maxAge: 1 \}/],
    [{ workers: 2, deadline: { factor: 0.5 } }, /for deadline/],
    [{ workers: 2, snapshotEvery: 65 }, /a whole number from 1 to 64 for snapshotEvery, found 65/],
    [{ select: { goal: 'least' } }, /for select, found \{ goal: "least" \}/],
  ] as const) {
    const { code, message: found } = refusal(changes)
    assert.is(code, 'train.option', found)
    assert.match(found, message)
  }
})

test('what is no object, and how long it is, are said too', () => {
  assert.throws(() => training('digits' as unknown as TrainingDefinition), /expected an object: training\(/)
  assert.is(refusal({ steps: 5 }).code, 'train.length')
  assert.is(refusal({ validation: { share: 1 } }).code, 'train.share')
})

test.run()
