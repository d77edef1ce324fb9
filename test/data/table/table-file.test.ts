import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openSource, type TensorSpec } from '../../../runtime/data/sources/index.ts'
import { refuses } from '../refusal.ts'
import { column, gathered } from '../sources/gathered.ts'

const PYARROW = fileURLToPath(new URL('../../fixtures/data/sources/pyarrow.parquet', import.meta.url)) // of pyarrow 26

const spec = (name: string, dtype: TensorSpec['dtype'], ...shape: (number | string)[]): TensorSpec => ({
  name,
  dtype,
  shape: ['n', ...shape],
})
const range = <T>(n: number, item: (i: number) => T) => Array.from({ length: n }, (_, i) => item(i))

const tables = suite<{ dir: string }>('table files')
tables.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), "aivida table's "))
})
tables.after.each(({ dir }) => rm(dir, { recursive: true }))

tables('Parquet of pyarrow: numbers, bools, texts, lists', async () => {
  const inputs = [
    spec('x', 'float32', 3),
    spec('image', 'uint8', 1, 2, 2),
    spec('label', 'int64'),
    spec('flag', 'bool'),
    spec('text', 'string'),
  ]
  const batches = await gathered(PYARROW, { inputs, rowsPerBatch: 4 })
  assert.equal(
    batches.map(({ rows }) => rows),
    [4, 2],
  )
  assert.equal(batches[0]!.tensors.image!.shape, [4, 1, 2, 2])
  assert.equal(column(batches, 'x'), range(6, (i) => [i + 0.5, i * 2, -1]).flat())
  assert.equal(column(batches, 'image'), range(6, (i) => [i, i + 1, i + 2, i + 3]).flat())
  assert.equal(column(batches, 'label'), [0n, 1n, 2n, 0n, 1n, 2n])
  assert.equal(column(batches, 'flag'), [1, 0, 1, 0, 1, 0])
  assert.equal(column(batches, 'text'), ['a', 'bb', '', 'ünï', 'a long string of more than twelve bytes', 'f'])
  assert.equal(column(await gathered(PYARROW, { inputs: [spec('label', 'int64')] }, 5), 'label'), [2n])
  const source = await openSource(PYARROW, { inputs })
  assert.equal([source.format, source.rows], ['parquet', 6])
  await source.close()
})

tables('nulls, ragged lists, types and shapes that do not fit, columns that are not there', async () => {
  const read = (...inputs: TensorSpec[]) => gathered(PYARROW, { inputs })
  assert.match((await refuses('source.missing-value', read(spec('hole', 'int32')))).message, /row 2: hole is null/)
  assert.match((await refuses('source.missing-value', read(spec('inner', 'int32', 2)))).message, /row 1: inner/)
  await refuses('source.shape', read(spec('ragged', 'int32', 'len')))
  const alone = await gathered(PYARROW, { inputs: [spec('ragged', 'int32', 'len')], rowsPerBatch: 1 })
  assert.equal(
    alone.map(({ tensors }) => tensors.ragged!.shape),
    [
      [1, 1],
      [1, 2],
      [1, 1],
      [1, 1],
      [1, 1],
      [1, 1],
    ],
  )
  await refuses('source.shape', read(spec('x', 'float32', 4)))
  await refuses('source.dtype', read(spec('label', 'int32')))
  assert.match((await refuses('source.dtype', read(spec('day', 'int32')))).message, /found DATE/)
  assert.match((await refuses('source.column-missing', read(spec('lable', 'int64')))).message, /rename label/)
})

tables('many rows come in order, from any row on, and several readers at once', async ({ dir }) => {
  const path = join(dir, 'many.parquet')
  await write(
    path,
    'SELECT i::INTEGER AS i, [i, -i]::FLOAT[] AS pair FROM range(50000) t(i)',
    'FORMAT parquet, ROW_GROUP_SIZE 8000',
  )
  const source = await openSource(path, {
    inputs: [spec('i', 'int32'), spec('pair', 'float32', 2)],
    rowsPerBatch: 3_000,
  })
  const [all, late] = await Promise.all([Array.fromAsync(source.batches()), Array.fromAsync(source.batches(49_999))])
  assert.equal(
    column(all, 'i'),
    range(50_000, (i) => i),
  )
  assert.equal(column(all, 'pair'), range(50_000, (i) => [i, i === 0 ? 0 : -i]).flat())
  assert.equal([column(late, 'pair'), late[0]!.firstRow], [[49_999, -49_999], 49_999])
  for await (const _ of source.batches()) break
  await source.close()
})

tables('truncated, damaged or empty Parquet', async ({ dir }) => {
  const bytes = await readFile(PYARROW)
  const path = join(dir, 'cut.parquet')
  const inputs = [spec('label', 'int64'), spec('text', 'string')]
  for (const length of [bytes.byteLength - 1, bytes.byteLength >> 1, 20, 4, 0]) {
    await writeFile(path, bytes.subarray(0, length))
    const error = await refuses('source.malformed', gathered(path, { inputs }))
    assert.match(error.message, /cut\.parquet can't be read: it is cut off/)
  }
  await writeFile(path, Buffer.concat([bytes.subarray(0, 4), Buffer.alloc(600, 7), bytes.subarray(604)]))
  await refuses('source.malformed', gathered(path, { inputs }))
  await write(path, 'SELECT 1::BIGINT AS label, $$x$$ AS text WHERE false', 'FORMAT parquet')
  await refuses('source.empty', gathered(path, { inputs }))
  await refuses('source.not-found', gathered(join(dir, 'none.parquet'), { inputs }))
})

tables('CSV: numbers become what the inputs take, columns stand side by side', async ({ dir }) => {
  const path = join(dir, 'digits.csv')
  const lines = range(5, (i) => `${i},${i * 10},${i * 10 + 1},${i * 10 + 2},${i * 10 + 3},"a, ${i}"`)
  await writeFile(path, `label,pixel0,pixel1,pixel2,pixel3,note\n${lines.join('\n')}\n`)
  const inputs = [spec('images', 'uint8', 2, 2), spec('label', 'float32'), spec('note', 'string')]
  const batches = await gathered(path, { inputs, columns: { images: 'pixel*' } })
  assert.equal(batches[0]!.tensors.images!.shape, [5, 2, 2])
  assert.equal(column(batches, 'images'), range(5, (i) => [0, 1, 2, 3].map((k) => i * 10 + k)).flat())
  assert.equal([column(batches, 'label'), column(batches, 'note')], [[0, 1, 2, 3, 4], range(5, (i) => `a, ${i}`)])
  const twice = { inputs: [spec('a', 'float32'), spec('b', 'int64')], columns: { a: 'label', b: 'label' } }
  const both = await gathered(path, twice)
  assert.equal(
    [column(both, 'a'), column(both, 'b')],
    [
      [0, 1, 2, 3, 4],
      [0n, 1n, 2n, 3n, 4n],
    ],
  )
  const two = await gathered(path, { inputs: [spec('y', 'int64', 2)], columns: { y: ['pixel3', 'label'] } })
  assert.equal(column(two, 'y'), range(5, (i) => [BigInt(i * 10 + 3), BigInt(i)]).flat())
  await refuses('source.column-missing', gathered(path, { inputs, columns: { images: ['pixel0', 'pixel9'] } }))
  await refuses('source.shape', gathered(path, { inputs: [spec('images', 'uint8', 5)], columns: { images: 'pixel*' } }))
  await refuses('source.dtype', gathered(path, { inputs: [spec('note', 'float32')] }))
})

tables('CSV values out of range, fractions for integers, lines that do not fit', async ({ dir }) => {
  const path = join(dir, 'bad.csv')
  await writeFile(path, 'x\n1\n300\n')
  const beyond = await refuses('source.bad-line', gathered(path, { inputs: [spec('x', 'uint8')] }))
  assert.is(beyond.facts.line, 3)
  await writeFile(path, `x;"it's"\n${'1;2\n'.repeat(5_000)}2.5;3\n`)
  const late = await gathered(path, { inputs: [spec('x', 'float32'), spec("it's", 'float64')], rowsPerBatch: 5_001 })
  assert.equal([column(late, 'x').at(-1), column(late, "it's").at(-1)], [2.5, 3], 'a fraction behind the first lines')
  await writeFile(path, 'x\n1\n2.5\n')
  await refuses('source.dtype', gathered(path, { inputs: [spec('x', 'int32')] }))
  await writeFile(path, `x,y\n${'1,2\n'.repeat(30_000)}one,2\n`)
  const error = await refuses('source.bad-line', gathered(path, { inputs: [spec('x', 'int32')] }))
  assert.is(error.facts.line, 30_002)
  await writeFile(path, 'x,y\n1,\n2,3\n')
  await refuses('source.missing-value', gathered(path, { inputs: [spec('y', 'int64')] }))
})

tables('JSON: an array of objects', async ({ dir }) => {
  const path = join(dir, 'rows.json')
  await writeFile(path, JSON.stringify(range(4, (i) => ({ x: [i, i + 0.5], label: i, name: `n${i}` }))))
  const batches = await gathered(path, {
    inputs: [spec('x', 'float32', 2), spec('label', 'uint8'), spec('name', 'string')],
  })
  assert.equal(column(batches, 'x'), range(4, (i) => [i, i + 0.5]).flat())
  assert.equal(
    [column(batches, 'label'), column(batches, 'name')],
    [
      [0, 1, 2, 3],
      ['n0', 'n1', 'n2', 'n3'],
    ],
  )
  await writeFile(path, '[{"x":[1,2]},{"x":[3]}]')
  await refuses('source.shape', gathered(path, { inputs: [spec('x', 'float32', 2)] }))
  await writeFile(path, '[{"x":1},{"x":null}]')
  await refuses('source.missing-value', gathered(path, { inputs: [spec('x', 'float32')] }))
  for (const text of ['[{"x":1},', '[{"x":1}', '[{"x":1},{"x', '{"x":1}\n{"x":', '[{"x":1}] and more', '\x00']) {
    await writeFile(path, text)
    await refuses('source.malformed', gathered(path, { inputs: [spec('x', 'float32')] }))
  }
  await writeFile(path, ' {"x":1}\n{"x":2}\n')
  assert.equal(column(await gathered(path, { inputs: [spec('x', 'float32')] }), 'x'), [1, 2])
  await writeFile(join(dir, 'rows[1].json'), '[{"x":1}]')
  await refuses('source.format', gathered(join(dir, 'rows[1].json'), { inputs: [spec('x', 'float32')] }))
})

tables.run()

async function write(path: string, select: string, how: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`COPY (${select}) TO '${path.replaceAll("'", "''")}' (${how})`)
  connection.closeSync()
  instance.closeSync()
}
