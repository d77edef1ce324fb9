import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Network, type TrainingStep, trainingStep } from '../../../../runtime/compute/graph/index.ts'
import { crossEntropy, sgd } from '../../../../runtime/compute/graph/training/index.ts'

/** The README's snippets on models, as a module. */
async function snippets(): Promise<{ readonly step: TrainingStep['step']; readonly reader: Network }> {
  const text = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8')
  const [, section = ''] = text.split('## Models in TypeScript')
  const blocks = [...section.split('\n## ')[0]!.matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1]!)
  assert.is(blocks.length, 2)
  const face = new URL('../../../../runtime/index.ts', import.meta.url).href
  const folder = mkdtempSync(join(tmpdir(), 'aivida-readme-'))
  try {
    // `dense` is imported by both.
    const code = blocks
      .join('')
      .replaceAll("from 'aivida'", `from '${face}'`)
      .replace('import { attention, dense,', 'import { attention,')
    writeFileSync(join(folder, 'models.mts'), `${code}\nexport { step, reader }\n`)
    return await import(pathToFileURL(join(folder, 'models.mts')).href)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('what the README says of models runs', async () => {
  const { step, reader } = await snippets()
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

test.run()
