import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  adam,
  batchNorm,
  dense,
  meanSquaredError,
  sequential,
  trainingStep,
} from '../../../runtime/compute/graph/index.ts'
import { joined, updateScalars } from '../../../runtime/compute/training/index.ts'
import { layoutOf } from '../../../runtime/compute/update/index.ts'
import { refusesSync } from '../../data/refusal.ts'
import { namedBlob, replicaShard } from '../../support/round-shards.ts'

const STEP = trainingStep({
  model: sequential([dense(3), batchNorm(), dense(2)]),
  loss: meanSquaredError(),
  optimizer: adam(),
  inputs: { x: { dtype: 'float32', shape: [4] }, labels: { dtype: 'float32', shape: [2] } },
  batchSize: 4,
})
const { gradientSignature, updateSignature } = STEP.split()

test('two halves have the layout of the whole', () => {
  const { signature, split } = joined(gradientSignature, updateSignature)
  const [halves, whole] = [layoutOf(signature), layoutOf(STEP.signature)]
  const places = ({ tensors }: typeof whole) => tensors.map(({ name, offset, length }) => ({ name, offset, length }))
  assert.equal(places(halves), places(whole))
  assert.is(halves.plain, whole.plain)
  assert.equal(
    [...split.gradients.map(({ tensor }) => tensor), ...split.statistics],
    halves.tensors.map(({ index }) => index),
  )
  assert.equal(new Set(signature.state.map(({ name }) => name)), new Set(STEP.signature.state.map(({ name }) => name)))
})

test('each update makes a step at its own rate, the last of those that were made', () => {
  const step = joined(gradientSignature, updateSignature)
  const { replica } = replicaShard({ slices: [23] })
  const update = [{ update: namedBlob('mean'), at: 'peer' }]
  const shard = { fromStep: 7, replica: { ...replica, updates: [update, update], rates: [0.2, 0.1] } }
  assert.equal(updateScalars(step, shard), [
    { learningRate: 0.2, step: 6 },
    { learningRate: 0.1, step: 7 },
  ])
  assert.equal(updateScalars(step, { fromStep: 0, replica }), [])
  refusesSync('train.rates', () => updateScalars(step, { fromStep: 7, replica: { ...replica, updates: [update] } }))
  refusesSync('train.rates', () => updateScalars(step, { ...shard, fromStep: 1 }))
})

test.run()
