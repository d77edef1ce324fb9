import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../runtime/base/index.ts'
import { memoryBlobStore } from '../../../runtime/data/blob/index.ts'
import { memoryTable, storedTable } from '../../../runtime/data/rows/index.ts'
import { bytesOfBlob, openBytes } from '../../../runtime/data/sources/byte-source.ts'
import {
  encodeSource,
  openSource,
  type Source,
  type TensorSpec,
  writeRows,
} from '../../../runtime/data/sources/index.ts'
import { tensorOf } from '../../../runtime/data/tensor/index.ts'
import { refuses } from '../refusal.ts'
import { elements } from './gathered.ts'

const INPUTS: readonly TensorSpec[] = [
  { name: 'x', dtype: 'float32', shape: ['n', 'width'] },
  { name: 'label', dtype: 'uint8', shape: ['n'] },
]
const lines = (rows: number, width = (_: number) => 2) =>
  Array.from({ length: rows }, (_, i) => JSON.stringify({ x: Array(width(i)).fill(i), label: i % 3 })).join('\n')

const rows = suite<{ dir: string }>('source rows')
rows.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'aivida rows '))
})
rows.after.each(({ dir }) => rm(dir, { recursive: true }))

rows('rows that only stream become a table in a blob store', async ({ dir }) => {
  const path = join(dir, 'rows.jsonl')
  await writeFile(path, lines(100))
  const source = await openSource(path, { inputs: INPUTS, rowsPerBatch: 7 })
  const store = await memoryBlobStore({ clock: systemClock })
  const { blob } = await store.put(encodeSource(source))
  const table = await storedTable(bytesOfBlob(await store.open(blob)), { identity: blob })
  assert.equal([table.length, table.columns[0]], [100, { name: 'x', dtype: 'float32', shape: [2] }])
  const { x, label } = await table.gather([99, 0, 50])
  assert.equal(
    [elements(x!), elements(label!)],
    [
      [99, 99, 0, 0, 50, 50],
      [0, 0, 2],
    ],
  )
  await table.close()
  await source.close()
})

rows('a Parquet file and a table become row files, whole or not at all', async ({ dir }) => {
  const parquet = fileURLToPath(new URL('../../fixtures/data/sources/pyarrow.parquet', import.meta.url))
  const path = join(dir, 'data.rows')
  const read = async () => storedTable(await openBytes(path), { identity: '' })
  const source = await openSource(parquet, { inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 3] }] })
  await writeRows(path, source)
  await source.close()
  const table = await read()
  assert.equal([table.length, elements((await table.gather([5, 0])).x!)], [6, [5.5, 10, -1, 0.5, 0, -1]])
  await table.close()
  await writeRows(path, memoryTable({ y: tensorOf(Uint8Array.of(4, 5)) }))
  const other = await read()
  assert.equal(elements((await other.gather([1, 0])).y!), [5, 4])
  await other.close()
  const holes = await openSource(parquet, { inputs: [{ name: 'hole', dtype: 'int32', shape: ['n'] }] })
  await refuses('source.missing-value', writeRows(path, holes))
  await holes.close()
  assert.equal(await readdir(dir), ['data.rows'])
  assert.is((await read()).length, 2, 'what was there stays')
})

rows('rows of several shapes, or a number that changed', async ({ dir }) => {
  const path = join(dir, 'rows.jsonl')
  await writeFile(
    path,
    lines(8, (i) => (i < 4 ? 2 : 3)),
  )
  const ragged = await openSource(path, { inputs: INPUTS, rowsPerBatch: 4 })
  const error = await refuses('source.shape', Array.fromAsync(encodeSource(ragged)))
  assert.match(error.message, /row 4 of x has the shape \[3\]/)
  const tensors = { x: tensorOf(Float32Array.of(1, 2), [1, 2]), label: tensorOf(Uint8Array.of(1)) }
  const lying: Source = { ...(await openSource(tensors, { inputs: INPUTS })), rows: 2 }
  await refuses('source.changed', Array.fromAsync(encodeSource(lying)))
})

rows.run()
