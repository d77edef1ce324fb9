import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Network, type TrainingStep, trainingStep } from '../../../../runtime/compute/graph/index.ts'
import { crossEntropy, sgd } from '../../../../runtime/compute/graph/training/index.ts'

/** The README's snippets on models. */
function snippets(): readonly string[] {
  const text = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8')
  const [, section = ''] = text.split('## Models in TypeScript')
  return [...section.split('\n## ')[0]!.matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1]!)
}

/** Runs snippets as a module, and gives what it is told to export. */
async function run<T>(code: string, exported: string): Promise<T> {
  const face = new URL('../../../../runtime/index.ts', import.meta.url).href
  const tfjs = pathToFileURL(createRequire(import.meta.url).resolve('@tensorflow/tfjs')).href
  const folder = mkdtempSync(join(tmpdir(), 'aivida-readme-'))
  try {
    const resolved = code
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
  assert.is(blocks.length, 3)
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

test('what it says of models of TensorFlow.js runs', async () => {
  const { built, learningRate } = await run<{ built: TrainingStep; learningRate: number }>(
    snippets()[2]!,
    'built, learningRate',
  )
  assert.is(learningRate, 0.001)
  assert.equal(built.signature.metrics, ['loss', 'accuracy'])
  assert.equal(built.signature.batch[0], { name: 'images', dtype: 'float32', shape: [128, 28, 28, 1] })
})

test.run()
