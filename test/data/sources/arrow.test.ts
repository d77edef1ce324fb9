import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tableFromArrays, tableToIPC } from 'apache-arrow'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError } from '../../../runtime/base/index.ts'
import { openSource, type TensorSpec } from '../../../runtime/data/sources/index.ts'
import { arrowFile, toRowBatch } from '../../../runtime/data/tensor/arrow.ts'
import { tensorOf } from '../../../runtime/data/tensor/index.ts'
import { refuses } from '../refusal.ts'
import { column, elements, gathered } from './gathered.ts'

/** Ten rows that pyarrow 25 wrote, in record batches of 4 (file), 3 (stream) and 10. */
const fixture = (name: string) => join(import.meta.dirname, '../../fixtures/data/sources', name)
const FILE = fixture('pyarrow-file.arrow')

const spec = (name: string, dtype: TensorSpec['dtype'], ...shape: (number | string)[]): TensorSpec => ({
  name,
  dtype,
  shape: ['n', ...shape],
})

const arrow = suite<{ dir: string }>('arrow')
arrow.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'aivida arrow '))
})
arrow.after.each(({ dir }) => rm(dir, { recursive: true }))

for (const name of ['pyarrow-file.arrow', 'pyarrow-stream.arrows', 'pyarrow-zstd.arrow'])
  arrow(`${name}: columns of every kind, from any row, in batches of any size`, async () => {
    const inputs = [
      spec('x', 'float32', 4),
      spec('nested', 'uint8', 2, 3),
      spec('tensor', 'int16', 2, 3),
      spec('deep', 'int64', 3, 2),
      spec('n', 'int64'),
      spec('half', 'float16'),
      spec('flag', 'bool'),
      spec('text', 'string'),
      spec('large', 'string'),
    ]
    for (const [rowsPerBatch, fromRow] of [
      [1, 0],
      [3, 0],
      [7, 2],
      [4, 5],
      [10, 0],
      [64, 9],
      [5, 10],
    ] as const) {
      const batches = await gathered(fixture(name), { inputs, rowsPerBatch }, fromRow)
      const rows = Array.from({ length: 10 - fromRow }, (_, i) => fromRow + i)
      assert.equal(
        batches.map(({ firstRow }) => firstRow),
        rows.filter((row) => (row - fromRow) % rowsPerBatch === 0),
      )
      if (rows.length === 0) continue
      const counted = (per: number) => rows.flatMap((row) => Array.from({ length: per }, (_, i) => row * per + i))
      assert.equal(column(batches, 'x'), counted(4))
      assert.equal(column(batches, 'nested'), counted(6))
      assert.equal(column(batches, 'tensor'), counted(6))
      assert.equal(
        column(batches, 'deep'),
        rows.flatMap((row) => [row, 2, 3, 4, 5, 6].map(BigInt)),
      )
      assert.equal(column(batches, 'n'), rows.map(BigInt))
      assert.equal(column(batches, 'half'), rows)
      assert.equal(
        column(batches, 'flag'),
        rows.map((row) => Number(row % 3 === 0)),
      )
      assert.equal(
        column(batches, 'text'),
        rows.map((row) => `tëxt ${row}`),
      )
      assert.equal(
        column(batches, 'large'),
        rows.map((row) => `large ${row}`),
      )
      for (const { rows, tensors } of batches)
        assert.equal(
          inputs.map(({ name }) => tensors[name]!.shape),
          inputs.map(({ shape }) => [rows, ...shape!.slice(1)]),
        )
    }
  })

arrow('rows are folded into the shape of the input', async () => {
  const shapeOf = async (input: TensorSpec) =>
    (await gathered(FILE, { inputs: [input] }))[0]!.tensors[input.name]!.shape
  assert.equal(await shapeOf(spec('x', 'float32', 2, 2)), [10, 2, 2])
  assert.equal(await shapeOf(spec('x', 'float32', 2, 'width')), [10, 2, 2])
  assert.equal(await shapeOf(spec('x', 'float32', 1, 4, 1)), [10, 1, 4, 1])
  assert.equal(await shapeOf(spec('n', 'int64', 1)), [10, 1])
  assert.equal(await shapeOf(spec('nested', 'uint8', 1, 2, 3)), [10, 1, 2, 3])
  assert.equal(await shapeOf({ name: 'nested', dtype: 'uint8' }), [10, 2, 3])
})

arrow('lists of any length share a batch while they are alike', async () => {
  const inputs = [spec('ragged', 'float32', 'length')]
  const batches = await gathered(FILE, { inputs, rowsPerBatch: 5 })
  assert.equal(
    batches.map(({ tensors }) => tensors.ragged!.shape),
    [
      [5, 2],
      [5, 3],
    ],
  )
  const error = await refuses('source.shape', gathered(FILE, { inputs, rowsPerBatch: 4 }))
  assert.match(error.message, 'rows 4 and 5 of ragged')
  await refuses('source.shape', gathered(FILE, { inputs: [spec('ragged', 'float32', 2)], rowsPerBatch: 5 }))
})

arrow('a column that is missing, of another dtype or shape is refused before any row', async () => {
  const open = (input: TensorSpec) => openSource(FILE, { inputs: [input] })
  assert.match((await refuses('source.column-missing', open(spec('texts', 'string')))).message, 'rename text')
  await refuses('source.dtype', open(spec('x', 'float64', 4)))
  await refuses('source.dtype', open(spec('kind', 'string'))) // a dictionary
  assert.match((await refuses('source.shape', open(spec('x', 'float32', 5)))).message, 'float32[n, 5]')
  await refuses('source.shape', open(spec('nested', 'uint8', 3, 2)))
  await refuses('source.shape', open({ name: 'n', dtype: 'int64', shape: [] }))
})

arrow('a null is refused with its row', async () => {
  const error = await refuses('source.missing-value', gathered(FILE, { inputs: [spec('hole', 'float32')] }))
  assert.match(error.message, 'row 3')
})

arrow('a graph that fixes the batch gets just that', async () => {
  const inputs = [{ name: 'x', dtype: 'float32', shape: [5, 4] }] as const
  const batches = await gathered(FILE, { inputs })
  assert.equal(
    batches.map(({ rows }) => rows),
    [5, 5],
  )
  assert.match((await refuses('source.shape', openSource(FILE, { inputs, rowsPerBatch: 4 }))).message, 'takes 5 rows')
  const three = [{ name: 'x', dtype: 'float32', shape: [3, 4] }] as const
  assert.match((await refuses('source.shape', openSource(FILE, { inputs: three }))).message, '1 are left over')
})

arrow('what is no whole Arrow file is refused', async ({ dir }) => {
  const whole = await readFile(FILE)
  const inputs = [spec('x', 'float32', 4)]
  const read = async (bytes: Uint8Array, name = 'a.arrow') => {
    await writeFile(join(dir, name), bytes)
    return gathered(join(dir, name), { inputs })
  }
  assert.is((await read(whole)).length, 1)
  assert.match((await refuses('source.malformed', read(whole.subarray(0, 5000)))).message, 'cut off')
  const stream = await readFile(fixture('pyarrow-stream.arrows'))
  assert.match((await refuses('source.malformed', read(stream.subarray(0, 5000)))).message, /cut off|damaged/)
  await refuses('source.malformed', read(Buffer.from('x,y\n1,2\n3,4\n')))
  await refuses('source.malformed', read(new Uint8Array()))
  assert.match((await refuses('source.malformed', gathered(fixture('pyarrow-lz4.arrow'), { inputs }))).message, 'LZ4')
  const damaged = Buffer.from(whole)
  damaged.fill(0xff, damaged.length - 400, damaged.length - 20)
  await refuses('source.malformed', read(damaged))
})

arrow('damage anywhere in the metadata is refused or harmless, and costs no time', async ({ dir }) => {
  const whole = await readFile(FILE)
  const path = join(dir, 'damaged.arrow')
  let refused = 0
  for (let at = whole.length - 2600; at < whole.length - 10; at += 29) {
    const damaged = Buffer.from(whole)
    damaged.writeInt32LE(0x7fffffff, at)
    await writeFile(path, damaged)
    await gathered(path, { inputs: [spec('x', 'float32', 4)] }).catch((error) => {
      if (!isAividaError(error)) throw error
      refused++
    })
  }
  assert.ok(refused > 20, `${refused} refused`)
})

arrow('a table without rows is empty', async ({ dir }) => {
  const empty = toRowBatch({ x: tensorOf(new Float32Array(), [0, 4]) })
  await writeFile(join(dir, 'empty.arrow'), Buffer.concat(await Array.fromAsync(arrowFile([empty]))))
  await refuses('source.empty', openSource(join(dir, 'empty.arrow'), { inputs: [spec('x', 'float32', 4)] }))
})

arrow('a table in memory, and one that this library wrote', async ({ dir }) => {
  const table = tableFromArrays({ x: Float32Array.of(1, 2, 3), name: ['a', 'b', 'c'] })
  await writeFile(join(dir, 'own.arrow'), tableToIPC(table, 'file'))
  const inputs = [spec('x', 'float32')]
  for (const input of [table, join(dir, 'own.arrow')]) {
    const [batch] = await gathered(input, { inputs })
    assert.equal(elements(batch!.tensors.x!), [1, 2, 3])
  }
})

arrow('bfloat16 travels as words', async ({ dir }) => {
  const words = tensorOf(Uint16Array.of(0x3f80, 0x4000, 0x7fc0), [3], 'bfloat16')
  const pieces = await Array.fromAsync(arrowFile([toRowBatch({ x: words })]))
  await writeFile(join(dir, 'b.arrow'), Buffer.concat(pieces))
  const inputs = [spec('x', 'bfloat16')]
  const [batch] = await gathered(join(dir, 'b.arrow'), { inputs, finite: false })
  assert.equal(batch!.tensors.x, words)
  assert.match((await refuses('source.not-finite', gathered(join(dir, 'b.arrow'), { inputs }))).message, 'row 2')
})

arrow.run()
