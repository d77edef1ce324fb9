import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError } from '../../../runtime/base/index.ts'
import { adam, crossEntropy, dense, trainingStep } from '../../../runtime/compute/graph/index.ts'
import { storedTable } from '../../../runtime/data/rows/index.ts'
import { openBytes } from '../../../runtime/data/sources/byte-source.ts'
import { typedArrayOf } from '../../../runtime/data/tensor/index.ts'
import { training, writeTraining } from '../../../runtime/node/training/index.ts'
import { rowsOf } from '../../../runtime/node/training/training-rows.ts'

const test = suite('rows of a training')

const INIT = {
  model: dense(3),
  loss: crossEntropy(),
  optimizer: adam(),
  inputs: { petals: { dtype: 'float32', shape: [1] }, labels: { dtype: 'uint8', shape: [] } },
  batchSize: 2,
} as const
const { signature } = trainingStep(INIT)
/** With a column that nobody asked for, and the columns in another order. */
const CSV = 'labels,place,petals\n0,a,1.5\n2,b,-0.25\n1,c,3\n2,d,4.5\n0,e,5\n'

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aivida-rows-'))
  await writeFile(join(folder, 'iris.csv'), CSV)
})
test.after(() => rm(folder, { recursive: true, force: true }))

async function codeOf(data: string): Promise<string> {
  const failure = await rowsOf(join(folder, 'none.rows'), join(folder, data), signature).then(
    () => undefined,
    (error) => error,
  )
  assert.ok(isAividaError(failure), `${failure}`)
  return failure.code
}

test('a CSV becomes a row file with the columns that the step takes', async () => {
  const path = join(folder, 'data.rows')
  assert.equal(await rowsOf(path, join(folder, 'iris.csv'), signature), { path, rows: 5 })
  const table = await storedTable(await openBytes(path), { identity: 'test' })
  const { petals, labels } = await table.gather([0, 1, 2, 3, 4])
  await table.close()
  assert.equal([...typedArrayOf(petals!)], [1.5, -0.25, 3, 4.5, 5])
  assert.equal(petals!.shape, [5, 1])
  assert.equal([...typedArrayOf(labels!)], [0, 2, 1, 2, 0])
  // What is a row file is used where it is, whatever it is called.
  const renamed = join(folder, 'rows.csv')
  await writeFile(renamed, await readFile(path))
  assert.equal(await rowsOf(join(folder, 'other.rows'), renamed, signature), { path: renamed, rows: 5 })
})

test('a training on a CSV is written with all of its rows, those of its validation too', async () => {
  const data = join(folder, 'iris.csv')
  const written = await writeTraining(training({ ...INIT, data, validation: data, epochs: 2, learningRate: 0.1 }))
  const { request, remove } = written
  assert.equal([request.data.rows, request.steps], [5, 4])
  const table = await storedTable(await openBytes(request.evaluation!.data.path), { identity: 'test' })
  assert.is(table.length, 5)
  await table.close()
  await remove()
})

test('what gives no rows is said as for any source', async () => {
  await writeFile(join(folder, 'short.csv'), 'petals\n1\n')
  await writeFile(join(folder, 'notes.txt'), 'none')
  await writeFile(join(folder, 'cut.rows'), (await readFile(join(folder, 'rows.csv'))).subarray(0, -1))
  await mkdir(join(folder, 'empty'))
  assert.is(await codeOf('short.csv'), 'source.column-missing')
  assert.is(await codeOf('notes.txt'), 'source.format')
  assert.is(await codeOf('absent.csv'), 'source.not-found')
  assert.is(await codeOf('cut.rows'), 'rows.malformed')
  assert.match(await codeOf('empty'), /^source\./)
})

test.run()
