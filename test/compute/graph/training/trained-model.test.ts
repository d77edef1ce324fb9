import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  crossEntropy,
  dense,
  lora,
  readModel,
  sequential,
  sgd,
  type TrainingInit,
  trainedModel,
  trainingStep,
} from '../../../../runtime/compute/graph/index.ts'
import { type NamedTensors, tensorOf } from '../../../../runtime/data/tensor/index.ts'
import { refusesSync } from '../../../data/refusal.ts'
import { runModel } from '../../../support/gradient-check.ts'
import { numbersOf, someTensor } from '../../../support/trained-model.ts'

const test = suite('a trained model, of a file and a state')

const init = (model: TrainingInit['model']): TrainingInit => ({
  model,
  loss: crossEntropy(),
  optimizer: sgd(),
  inputs: { x: { dtype: 'float32', shape: [4] }, labels: { dtype: 'int64', shape: [] } },
  batchSize: 8,
})
const built = trainingStep(init(lora(sequential([dense(5), dense(3)]), { rank: 2 })))
const served = built.served()
const state = Object.fromEntries(
  Object.entries(built.initialState()).map(([name, { shape }], i) => [name, someTensor(shape, i + 1)]),
)

const zeros = Object.fromEntries(
  Object.entries(state).map(([name, { dtype, shape, data }]) => [
    name,
    { dtype, shape, data: new Uint8Array(data.byteLength) },
  ]),
)

test('adapters are merged into what was frozen, by the file alone', async () => {
  const model = readModel(trainedModel(served, state, built.frozen()))
  assert.equal(
    model.graph.input.map(({ name }) => name),
    ['x'],
  )
  assert.equal(model.metadataProps, [], 'what it is made from is of no use to whoever runs it')
  const x = someTensor([2, 4], 9)
  const given = { x, ...built.frozen(), ...state }
  const whole = await runModel(readModel(served), pick(given, readModel(served)))
  const merged = await runModel(model, { x })
  assert.not.equal(numbersOf(merged.output), numbersOf(whole.output), 'with adapters it is another model')
  const still = trainedModel(served, zeros, built.frozen())
  assert.equal(numbersOf((await runModel(readModel(still), { x })).output), numbersOf(whole.output))
})

test('a state that lacks a weight, or has it in another shape, is refused by its name', () => {
  const { 'dense_1/bias': bias, ...lacking } = { ...built.frozen() }
  assert.ok(bias)
  const words = (frozen: NamedTensors) => refusesSync('graph.state', () => trainedModel(served, state, frozen)).message
  assert.match(words(lacking), /expected dense_1\/bias of shape \[5\].*none/)
  const other = { ...built.frozen(), 'dense_1/bias': tensorOf(new Float32Array(4), [4]) }
  assert.match(words(other), /dense_1\/bias of shape \[5\].*\[4\]/)
})

test('a model that does not say what its weights come from is refused', () => {
  const { message } = refusesSync('model.not-served', () => trainedModel(built.step, state))
  assert.match(message, /served\(\) of a trainingStep/)
})

test.run()

function pick<T extends object>(tensors: T, { graph }: ReturnType<typeof readModel>): T {
  const names = new Set(graph.input.map(({ name }) => name))
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => names.has(name))) as T
}
