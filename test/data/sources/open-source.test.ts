import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openSource, type TensorSpec } from '../../../runtime/data/sources/index.ts'
import { sliceRows, tensorOf } from '../../../runtime/data/tensor/index.ts'
import { refuses } from '../refusal.ts'
import { column, gathered } from './gathered.ts'

const X: TensorSpec = { name: 'x', dtype: 'float32', shape: ['n', 2] }
const ROWS = {
  x: tensorOf(
    Float32Array.from({ length: 20 }, (_, i) => i),
    [10, 2],
  ),
}

const sources = suite<{ dir: string }>('open source')
sources.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'aivida source '))
})
sources.after.each(({ dir }) => rm(dir, { recursive: true }))

sources('tensors in memory come as views', async () => {
  const source = await openSource(ROWS, { inputs: [X], rowsPerBatch: 4 })
  assert.equal([source.format, source.rows, source.rowsPerBatch], ['tensors', 10, 4])
  const batches = await Array.fromAsync(source.batches())
  assert.equal(
    batches.map(({ firstRow, rows }) => [firstRow, rows]),
    [
      [0, 4],
      [4, 4],
      [8, 2],
    ],
  )
  assert.equal(
    column(batches, 'x'),
    Array.from({ length: 20 }, (_, i) => i),
  )
  assert.is(batches[1]!.tensors.x!.data.buffer, ROWS.x.data.buffer)
  assert.equal(column(await Array.fromAsync(source.batches(7)), 'x'), [14, 15, 16, 17, 18, 19])
  assert.equal(await Array.fromAsync(source.batches(10)), [])
})

sources('one row, and strings', async () => {
  const inputs = [{ name: 'x', dtype: 'string', shape: ['n', 2] }] as const
  const strings = { x: tensorOf(['a', 'bb', 'ccc', '', 'e', 'f'], [3, 2]) }
  const batches = await gathered(strings, { inputs, rowsPerBatch: 1 })
  assert.equal(
    batches.map((batch) => column([batch], 'x')),
    [
      ['a', 'bb'],
      ['ccc', ''],
      ['e', 'f'],
    ],
  )
  assert.is((await gathered({ x: sliceRows(ROWS.x, 3, 4) }, { inputs: [X], rowsPerBatch: 64 })).length, 1)
})

sources('tensors that do not fit the graph are refused', async () => {
  const open = (tensors: Parameters<typeof openSource>[0], ...inputs: TensorSpec[]) => openSource(tensors, { inputs })
  assert.match(
    (await refuses('source.column-missing', open({ pixel: ROWS.x }, { ...X, name: 'pixels' }))).message,
    'rename pixel,',
  )
  await refuses('source.dtype', open(ROWS, { ...X, dtype: 'float64' }))
  await refuses('source.shape', open(ROWS, { ...X, shape: ['n', 3] }))
  await refuses('source.empty', open({ x: sliceRows(ROWS.x, 0, 0) }, X))
  const shorter = { ...ROWS, y: tensorOf(new Float32Array(9)) }
  await refuses('tensor.shape', open(shorter, X, { name: 'y', dtype: 'float32', shape: ['n'] }))
})

sources('NaN and infinities are refused with their row, unless they are allowed', async () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const values = Float32Array.from({ length: 20 }, (_, i) => (i === 13 ? value : i))
    for (const x of [
      tensorOf(values, [10, 2]),
      tensorOf(Float64Array.from(values), [10, 2]),
      tensorOf(Float16Array.from(values), [10, 2]),
    ]) {
      const inputs = [{ ...X, dtype: x.dtype }]
      const error = await refuses('source.not-finite', gathered({ x }, { inputs, rowsPerBatch: 4 }))
      assert.match(error.message, 'row 6 of x')
      assert.is((await gathered({ x }, { inputs, rowsPerBatch: 4, finite: false })).length, 3)
    }
  }
})

sources('reading goes no further ahead than its bound', async () => {
  const source = await openSource(ROWS, { inputs: [X], rowsPerBatch: 1 })
  const batches = source.batches()
  const first = await batches.next()
  assert.is(first.value?.firstRow, 0)
  await batches.return()
  assert.equal(await batches.next(), { done: true, value: undefined })
})

sources('an aborted reading says so', async ({ dir }) => {
  const path = join(dir, 'rows.jsonl')
  await writeFile(path, '{"x": [1, 2]}\n'.repeat(1000))
  for (const input of [path, ROWS]) {
    const source = await openSource(input, { inputs: [X], rowsPerBatch: 1 })
    const abort = new AbortController()
    let taken = 0
    const reading = (async () => {
      for await (const _ of source.batches(0, abort.signal)) if (++taken === 3) abort.abort()
    })()
    await refuses('aborted', reading)
    assert.ok(taken < 8)
    await refuses('aborted', Array.fromAsync(source.batches(0, AbortSignal.abort())))
    await source.close()
  }
})

sources('the format is told by the path, or given', async ({ dir }) => {
  const text = '{"x": [1, 2]}\n'
  for (const name of ['a.jsonl', 'a.ndjson', 'A.JSONL']) await writeFile(join(dir, name), text)
  await writeFile(join(dir, 'a.txt'), text)
  for (const name of ['a.jsonl', 'a.ndjson', 'A.JSONL'])
    assert.is((await gathered(join(dir, name), { inputs: [X] })).length, 1)
  assert.is((await gathered(join(dir, 'a.txt'), { inputs: [X], format: 'jsonl' })).length, 1)
  assert.match((await refuses('source.format', gathered(join(dir, 'a.txt'), { inputs: [X] }))).message, '.jsonl')
  await refuses('source.format', gathered(dir, { inputs: [X], format: 'jsonl' }))
  await refuses('source.format', gathered(join(dir, 'a.jsonl'), { inputs: [X], format: 'images' }))
  await refuses('source.malformed', gathered(join(dir, 'a.jsonl'), { inputs: [X], format: 'arrow' }))
  await refuses('source.not-found', gathered(join(dir, 'b.jsonl'), { inputs: [X] }))
})

sources('the identity changes with the data', async ({ dir }) => {
  const path = join(dir, 'rows.jsonl')
  const identity = async (input: Parameters<typeof openSource>[0]) =>
    (await openSource(input, { inputs: [X] })).identity
  await writeFile(path, '{"x": [1, 2]}\n')
  const before = await identity(path)
  assert.is(await identity(path), before)
  await writeFile(path, '{"x": [1, 2]}\n{"x": [1, 2]}\n')
  const longer = await identity(path)
  assert.is.not(longer, before)
  await utimes(path, 1, 1)
  assert.is.not(await identity(path), longer)
  assert.is(await identity(ROWS), await identity({ ...ROWS, more: ROWS.x }))
  assert.is.not(await identity(ROWS), await identity({ x: sliceRows(ROWS.x, 0, 9) }))
})

sources.run()
