import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ImportedModel } from '../../../../runtime/compute/graph/import/index.ts'
import {
  type Network,
  type TrainingInit,
  type TrainingStep,
  trainingStep,
} from '../../../../runtime/compute/graph/index.ts'
import { crossEntropy, sgd } from '../../../../runtime/compute/graph/training/index.ts'

/** The README's snippets on models. */
function snippets(): readonly string[] {
  const text = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8')
  const [, section = ''] = text.split('## Models in TypeScript')
  return [...section.split('\n## ')[0]!.matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1]!)
}

/** Runs snippets as a module beside files that they read, and gives what it is told to export. */
async function run<T>(code: string, exported: string, files: Readonly<Record<string, Uint8Array>> = {}): Promise<T> {
  const face = new URL('../../../../runtime/index.ts', import.meta.url).href
  const tfjs = pathToFileURL(createRequire(import.meta.url).resolve('@tensorflow/tfjs')).href
  const folder = mkdtempSync(join(tmpdir(), 'aivida-readme-'))
  try {
    const readable = Object.entries(files).reduce((text, [name, bytes]) => {
      writeFileSync(join(folder, name), bytes)
      return text.replaceAll(`'${name}'`, JSON.stringify(join(folder, name)))
    }, code)
    const resolved = readable
      .replaceAll("from 'aivida'", `from '${face}'`)
      .replace("from '@tensorflow/tfjs'", `from '${tfjs}'`)
    writeFileSync(join(folder, 'models.mts'), `${resolved}\nexport { ${exported} }\n`)
    return await import(pathToFileURL(join(folder, 'models.mts')).href)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('what the README says of models runs', async () => {
  const blocks = snippets()
  assert.is(blocks.length, 4)
  // `dense` is imported by both.
  const code = blocks.slice(0, 2).join('').replace('import { attention, dense,', 'import { attention,')
  const { step, reader } = await run<{ step: TrainingStep['step']; reader: Network }>(code, 'step, reader')
  assert.ok(step.byteLength > 0)
  const built = trainingStep({
    model: reader,
    loss: crossEntropy(),
    optimizer: sgd(),
    inputs: {
      tokens: { dtype: 'int64', shape: [6] },
      there: { dtype: 'uint8', shape: [6] },
      labels: { dtype: 'int64', shape: [] },
    },
    batchSize: 2,
  })
  assert.ok(built.parameters.some(({ name }) => name === 'attention_1/query/weight'))
})

test('what it says of ONNX files runs', async () => {
  const { initialState, inference } = await run<TrainingStep>(snippets()[0]!, 'initialState, inference')
  const file = inference(initialState())
  const { recipe, inputs, tuned, imported } = await run<{
    recipe: Pick<TrainingInit, 'loss' | 'optimizer'>
    inputs: TrainingInit['inputs']
    tuned: Network
    imported: ImportedModel
  }>(snippets()[2]!, 'recipe, inputs, tuned, imported', { 'model.onnx': file })
  assert.equal(
    imported.inputs.map(({ name }) => name),
    ['images'],
  )
  const { signature } = trainingStep({ model: tuned, inputs, batchSize: 2, ...recipe })
  assert.ok(signature.state.some(({ role }) => role === 'adapter'))
  assert.not.ok(signature.state.some(({ role }) => role === 'parameter'))
})

test('what it says of models of TensorFlow.js runs', async () => {
  const { built, learningRate } = await run<{ built: TrainingStep; learningRate: number }>(
    snippets()[3]!,
    'built, learningRate',
  )
  assert.is(learningRate, 0.001)
  assert.equal(built.signature.metrics, ['loss', 'accuracy'])
  assert.equal(built.signature.batch[0], { name: 'images', dtype: 'float32', shape: [128, 28, 28, 1] })
})

test.run()
