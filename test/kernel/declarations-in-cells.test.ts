import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { declarationsFile } from '../../kernel/declarations/declarations-file.ts'
import { tslabLanguage } from '../../kernel/language/tslab-language.ts'
import { cellsOf } from '../support/cells.ts'

/** A folder with no package above it: what cells know there, they know from the declarations alone. */
const folder = mkdtempSync(join(tmpdir(), 'aivida-declarations-'))
const table = { numRows: 3 }
const jobs = { infer: async () => table, train: async () => ({ metrics: table }), sweep: async () => ({ table }) }
const globals = { cluster: jobs, tf: { tensor2d: () => ({}) }, arrow: {}, sql: async () => table }
const made = tslabLanguage({ session: { globals, typesFile: declarationsFile(), magics: [] }, cwd: folder })
const { ok, fails } = cellsOf(made)

const declarations = suite('declarations in cells')

declarations('what the cluster can do and what it may be told are completed', () => {
  for (const name of ['train', 'infer', 'sweep', 'job', 'jobs', 'peers', 'info', 'data', 'start', 'stop'])
    assert.ok(completed('cluster.|').includes(name), name)
  for (const name of ['model', 'data', 'epochs', 'learningRate', 'workers', 'detach'])
    assert.ok(completed('await cluster.train({ | })').includes(name), name)
  assert.equal(completed('await cluster.infer({ rowsPerS| })'), ['rowsPerShard'])
  assert.equal(completed("await cluster.infer({ model: 'm.onnx', input: 'rows.arrow', rowsPerS| })"), ['rowsPerShard'])
  assert.equal(completed('tf.tensor2|'), ['tensor2d'])
  assert.ok(completed("import { conv2| } from 'aivida'").includes('conv2d'))
})

declarations('a call and an option say what they are', () => {
  assert.match(told('cluster.tra|in'), /TrainingJob[\s\S]*Trains a model/)
  assert.match(told('cluster.train({ epo|chs: 3 })'), /number[\s\S]*passes over the rows/)
  assert.match(told("cluster.infer({ rowsPerSha|rd: 3, model: '', input: '' })"), /number/)
  assert.match(told("cluster.infer({ maxShardsInFl|ight: 3, model: '', input: '' })"), /Shards leased at once/)
  assert.match(told('clus|ter'), /cluster\.train/)
  assert.match(told('tf.tensor2|d'), /Tensor2D/)
})

declarations('a wrong option is told at its line', async () => {
  const wrong = async (option: string) => {
    const { message } = await fails(
      `await cluster.infer({\n  model: 'm.onnx',\n  input: 'rows.arrow',\n  ${option},\n})`,
    )
    assert.match(message, /^4:3 - /)
    return message
  }
  assert.match(await wrong('rowPerShard: 4'), /'rowPerShard' does not exist .* Did you mean to write 'rowsPerShard'/)
  assert.match(await wrong("rowsPerShard: 'four'"), /Type 'string' is not assignable to type 'number'/)
})

declarations('results have their types, in later cells too', async () => {
  await ok("const rows = await cluster.infer({ model: 'm.onnx', input: 'rows.arrow' })")
  assert.is(await ok('rows.numRows + 1'), 4)
  assert.match(
    (await fails('rows.numRws')).message,
    /'numRws' does not exist on type 'Table<any>'. Did you mean 'numRows'/,
  )
  await ok("const { metrics } = await cluster.train({ model: undefined, data: 'rows.arrow', batchSize: 8, epochs: 1 })")
  assert.is(await ok('metrics.numRows'), 3)
  await ok('const points: tf.Tensor2D = tf.tensor2d([[1, 2]])\nlet held: arrow.Table = rows')
  assert.match(
    (await fails('const flat: tf.Tensor1D = points')).message,
    /'Tensor2D' is not assignable to type 'Tensor1D'/,
  )
})

declarations('the module is typed from any folder', async () => {
  const { message } = await fails("import { adam, conv2d } from 'aivida'\nconst layer = conv2d(8, 'wide')")
  assert.match(message, /^2:25 - .*'string' is not assignable/)
})

declarations('what a cell says to editors is no error in the kernel', async () => {
  assert.is(await ok('/// <reference types="aivida/session" />\ncluster.infer.length'), 0)
})

declarations.after(() => {
  made.close()
  rmSync(folder, { recursive: true })
})
declarations.run()

/** What could stand at the `|`. */
function completed(cell: string): readonly string[] {
  return made.complete(cell.replace('|', ''), cell.indexOf('|')).matches
}

/** What is told of the word at the `|`. */
function told(cell: string): string {
  return made.inspect(cell.replace('|', ''), cell.indexOf('|'))?.text ?? ''
}
