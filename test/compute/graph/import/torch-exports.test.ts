import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  adamw,
  crossEntropy,
  importedNetwork,
  importForTraining,
  lora,
  type Optimizer,
  readModel,
  sgd,
  signature,
  type TrainingInit,
  trainingStep,
} from '../../../../runtime/compute/graph/index.ts'
import { type NamedTensors, tensorOf } from '../../../../runtime/data/tensor/index.ts'
import { runModel } from '../../../support/gradient-check.ts'
import {
  type Trajectory,
  torchBatch,
  torchExports,
  torchModel,
  torchTrajectory,
} from '../../../support/torch-exports.ts'
import { numbersOf, train } from '../../../support/trained-model.ts'

/** How far a loss may be from PyTorch's, at any of 20 steps. */
const TOLERANCE = 1e-4
/** As much for a logit after them: PyTorch's running variance is that of a sample, ONNX's that of the population. */
const AFTER = 1e-2

/** PyTorch's `fuse_conv_bn_eval` leaves the biases that it makes out of training. */
const isTrained = (name: string) => !name.endsWith('weight_bias')

const imported = (file: string) => {
  const { graph, weights } = torchModel(file)
  return importForTraining(readModel(graph), {
    weights,
    ...(file === 'resnet-default.onnx' && { trainable: isTrained }),
  })
}

/** Exporting in training mode runs the model once, which moves the running statistics that the file holds. */
const hasStatistics = (file: string) => file !== 'resnet-torchscript.onnx'

function optimizerOf({ optimiser }: Trajectory): Optimizer {
  const {
    kind,
    momentum,
    weight_decay: weightDecay,
    betas,
    eps,
  } = optimiser as unknown as Record<string, number> & { kind: string; betas: [number, number] }
  const decays = () => true
  if (kind === 'SGD') return sgd({ momentum: momentum!, weightDecay: weightDecay!, decays })
  return adamw({ beta1: betas[0], beta2: betas[1], epsilon: eps!, weightDecay: weightDecay!, decays })
}

/** One step's batch, as the graph takes it. */
function batchOf(trajectory: Trajectory, step: number): NamedTensors {
  const { shape, inputs, labels } = torchBatch(trajectory, step)
  const tokens = trajectory.input === 'tokens'
  return {
    [trajectory.input]: tokens
      ? tensorOf(BigInt64Array.from(inputs, BigInt), shape)
      : tensorOf(Float32Array.from(inputs), shape),
    labels: tensorOf(BigInt64Array.from(labels, BigInt), tokens ? shape : [shape[0]!]),
  }
}

function initOf(trajectory: Trajectory, model: TrainingInit['model']): TrainingInit {
  const batch = batchOf(trajectory, 0)
  const inputs = Object.fromEntries(
    Object.entries(batch).map(([name, { dtype, shape }]) => [name, { dtype, shape: shape.slice(1) }]),
  )
  return { model, loss: crossEntropy(), optimizer: optimizerOf(trajectory), inputs, batchSize: batch.labels!.shape[0]! }
}

for (const { file, trajectories } of torchExports())
  for (const name of trajectories)
    test(`${file} follows PyTorch for 20 steps: ${name}`, async () => {
      const trajectory = torchTrajectory(name)
      const batchNorm = name === 'resnet-frozen-statistics' ? 'stored' : 'batch'
      const built = trainingStep(initOf(trajectory, importedNetwork(imported(file), { batchNorm })))
      const batches = trajectory.batches.map((_, step) => batchOf(trajectory, step))
      const { losses, state } = await train(built, batches, { learningRate: Number(trajectory.optimiser.lr) })
      losses.forEach((loss, step) => {
        const right = trajectory.losses[step]!
        assert.ok(Math.abs(loss - right) <= TOLERANCE, `step ${step}: ${loss}, PyTorch has ${right}`)
      })
      if (!hasStatistics(file)) return
      const { logits } = await runModel(readModel(built.inference(state)), {
        [trajectory.input]: batches[0]![trajectory.input]!,
      })
      trajectory.logits_after.forEach((right, i) => {
        const found = numbersOf(logits)[i]!
        assert.ok(Math.abs(found - right) <= AFTER, `logit ${i} after training: ${found}, PyTorch has ${right}`)
      })
    })

test('adapters alone are trained and travel, and are part of the model that leaves', async () => {
  const trajectory = torchTrajectory('transformer')
  const network = importedNetwork(imported('transformer-dynamic.onnx'))
  const built = trainingStep({ ...initOf(trajectory, lora(network, { rank: 2, alpha: 8 })), metrics: [] })
  assert.ok(
    built.signature.state.every(
      ({ name, role }) => role === 'optimizer' || (role === 'adapter' && /\.lora_[ab]$/.test(name)),
    ),
  )
  assert.ok(built.signature.state.some(({ role }) => role === 'adapter'))
  const batch = batchOf(trajectory, 0)
  const { losses, state } = await train(
    built,
    Array.from({ length: 12 }, () => batch),
    { learningRate: 0.02 },
  )
  assert.ok(Math.abs(losses[0]! - trajectory.losses[0]!) < TOLERANCE, 'it begins at the model as it was')
  assert.ok(losses.at(-1)! < losses[0]! - 0.2, `the loss falls: ${losses}`)
  const before = trainingStep(initOf(trajectory, network))
  const inference = readModel(built.inference(state))
  assert.equal(signature(inference), signature(readModel(before.inference(before.initialState()))))
  const trained = await runModel(inference, { tokens: batch.tokens! })
  const original = await runModel(readModel(torchModel('transformer-dynamic.onnx').graph), { tokens: batch.tokens! })
  const moved = numbersOf(trained.logits).reduce(
    (most, logit, i) => Math.max(most, Math.abs(logit - numbersOf(original.logits)[i]!)),
    0,
  )
  assert.ok(moved > 0.1)
})

test.run()
