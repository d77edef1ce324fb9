import { readFile, stat } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  adam,
  crossEntropy,
  dense,
  gradientSignatureOf,
  updateSignatureOf,
} from '../../../runtime/compute/graph/index.ts'
import { tensorOf } from '../../../runtime/data/tensor/index.ts'
import { diloco, type RoundsDefinition, training, writeTraining } from '../../../runtime/node/training/index.ts'
import { jobRequestSchema } from '../../../runtime/protocol/index.ts'

async function written(rounds: RoundsDefinition) {
  const files = await writeTraining(
    training({
      model: dense(2),
      loss: crossEntropy(),
      optimizer: adam(),
      inputs: { x: { dtype: 'float32', shape: [2] }, labels: { dtype: 'uint8', shape: [] } },
      batchSize: 2,
      data: { x: tensorOf(new Float32Array(8), [4, 2]), labels: tensorOf(new Uint8Array(4)) },
      epochs: 3,
      learningRate: 0.1,
      ...rounds,
    }),
  )
  const parsed = jobRequestSchema.parse(files.request)
  assert.is(parsed.program, 'train')
  return { ...files, request: files.request }
}

test('on one worker there is nothing of rounds; over several, steps are those of all together', async () => {
  const alone = await written({})
  const together = await written({ workers: 3, sync: diloco() })
  assert.is(alone.request.rounds, undefined)
  assert.equal([alone.request.steps, together.request.steps], [6, 6])
  assert.equal([together.request.rounds?.gradient, together.request.rounds?.update], [undefined, undefined])
  await Promise.all([alone.remove(), together.remove()])
})

test('where gradients may be averaged the step is there in two parts, until the files are removed', async () => {
  const { request, step, remove } = await written({ workers: 2 })
  const { gradient, update } = request.rounds!
  const { batch } = gradientSignatureOf(await readFile(gradient!))
  assert.equal(batch, step.signature.batch)
  assert.equal(updateSignatureOf(await readFile(update!)).state, step.signature.state)
  await remove()
  assert.is(await stat(gradient!).catch(() => undefined), undefined)
})

test.run()
