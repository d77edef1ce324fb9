// timeout: 600 s
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { aivida } from '../support/command.ts'
import { launchedKernel } from '../support/kernels.ts'
import { NOTEBOOKS, notebookFiles, plainText, type StoredCell, storedCells } from '../support/notebooks.ts'

/** What a notebook must have shown in the end, by its name: each has to be here. */
const SHOWN: Readonly<Record<string, (text: string) => void>> = {
  'quickstart.ipynb': (text) => assert.ok(number(text, /(\d+) of 1000 digits are right/) > 850, text),
  'mnist.ipynb': (text) => assert.ok(number(text, /(\d+\.\d+) % of 1,000 are right/) > 80, text),
  'low-communication.ipynb': (text) => {
    const [often, seldom] = [/gradients: \{ rounds: \d+, kilobytes: (\d+)/, /diloco: \{ rounds: \d+, kilobytes: (\d+)/]
    assert.ok(number(text, often) > 20 * number(text, seldom), text)
  },
  'sweep.ipynb': (text) => assert.ok(number(text, /value: (0\.\d+)/) > 0.6, text),
  'pretrained.ipynb': (text) => assert.match(text, /read: 'and see the watery part of the world\.'/),
  'lora.ipynb': (text) => {
    assert.ok(number(text, /before: (0\.\d+)/) < 0.3, text)
    assert.ok(number(text, /after: (0\.\d+)/) > 0.75, text)
  },
  'your-data.ipynb': (text) => {
    const losses = [...text.matchAll(/\{ step: \d+, loss: ([\d.]+) \}/g)].map((match) => Number(match[1]))
    assert.ok(losses.at(-1)! < losses[0]! / 2, text)
  },
}

/** Parameters that make a run shorter, or have it write elsewhere. */
const GIVEN: Readonly<Record<string, (folder: string) => readonly string[]>> = {
  'low-communication.ipynb': () => ['steps=32'],
  'mnist.ipynb': () => ['steps=96'],
  'your-data.ipynb': (folder) => [`file=${join(folder, 'trips.parquet')}`],
}

const notebooks = suite<{ cluster: LocalCluster; folder: string }>('notebooks')

notebooks.before(async (context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'aivida-notebooks-'))
  const [cluster] = await Promise.all([LocalCluster.start({ workers: 2 }), launchedKernel()])
  context.cluster = cluster
})

notebooks.after(async ({ cluster, folder }) => {
  await cluster.stop()
  rmSync(folder, { recursive: true, force: true })
})

for (const file of notebookFiles()) {
  notebooks(`${file} runs, and shows what it says`, async ({ cluster, folder }) => {
    const out = join(folder, file)
    const own = (GIVEN[file]?.(folder) ?? []).flatMap((given) => ['--param', given])
    const argv = ['notebook', 'run', file, '--out', out, '--data-dir', cluster.submitter.dataDir, ...own]
    const { code, err } = await aivida(argv, { cwd: NOTEBOOKS })
    assert.is(code, 0, err)
    const [cells, stored] = [storedCells(out), storedCells(join(NOTEBOOKS, file))]
    assert.ok(SHOWN[file], 'say in this test what it must show')
    for (const shown of [cells, stored]) SHOWN[file]!(shown.map(plainText).join('\n'))
  })
}

notebooks('what is checked in was run from top to bottom, shows no error, and names nobody', () => {
  for (const file of notebookFiles()) {
    const cells = storedCells(join(NOTEBOOKS, file)).filter((cell: StoredCell) => cell.cell_type === 'code')
    assert.equal(
      cells.map((cell) => cell.execution_count),
      cells.map((_, i) => i + 1),
      file,
    )
    const outputs = cells.flatMap((cell) => cell.outputs ?? [])
    assert.not(
      outputs.some((output) => output.output_type === 'error'),
      file,
    )
    assert.not.match(readFileSync(join(NOTEBOOKS, file), 'utf8'), /\/(home|root|Users|work)\//)
  }
})

notebooks.run()

function number(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1]
  assert.ok(found, `${pattern} in ${text}`)
  return Number(found)
}
