import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TensorSpec } from '../../../runtime/data/sources/index.ts'
import { refuses } from '../refusal.ts'
import { column, gathered } from './gathered.ts'

const jsonLines = suite<{
  read: (text: string, inputs: TensorSpec[], rowsPerBatch?: number, fromRow?: number) => ReturnType<typeof gathered>
  dir: string
}>('json lines')
jsonLines.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'aivida jsonl '))
  context.read = async (text, inputs, rowsPerBatch = 2, fromRow = 0) => {
    const path = join(context.dir, 'rows.jsonl')
    await writeFile(path, text)
    return gathered(path, { inputs, rowsPerBatch }, fromRow)
  }
})
jsonLines.after.each(({ dir }) => rm(dir, { recursive: true }))

const spec = (name: string, dtype: TensorSpec['dtype'], ...shape: (number | string)[]): TensorSpec => ({
  name,
  dtype,
  shape: ['n', ...shape],
})

jsonLines('numbers, bools, strings and nested arrays, a line each; blank lines are passed over', async ({ read }) => {
  const text =
    '{"x": [[1, 2.5]], "big": 7, "ok": true, "word": "whale", "half": 0.5, "more": 1}\n\n  \r\n' +
    '{"x": [[3, -4]], "big": "-9223372036854775808", "ok": false, "word": "", "half": -2}\r\n' +
    '{"x": [[5, 1e3]], "big": 0, "ok": true, "word": "ø", "half": 65504}' // the last line may lack its end
  const inputs = [
    spec('x', 'float32', 1, 2),
    spec('big', 'int64'),
    spec('ok', 'bool'),
    spec('word', 'string'),
    spec('half', 'float16'),
  ]
  for (const rowsPerBatch of [1, 2, 8]) {
    const batches = await read(text, inputs, rowsPerBatch)
    assert.equal(column(batches, 'x'), [1, 2.5, 3, -4, 5, 1000])
    assert.equal(column(batches, 'big'), [7n, -(2n ** 63n), 0n])
    assert.equal(column(batches, 'ok'), [1, 0, 1])
    assert.equal(column(batches, 'word'), ['whale', '', 'ø'])
    assert.equal(column(batches, 'half'), [0.5, -2, 65504])
  }
  const [batch] = await read(text, inputs, 2, 1)
  assert.equal([batch!.firstRow, batch!.rows, batch!.tensors.x!.shape], [1, 2, [2, 1, 2]])
  assert.equal(column([batch!], 'x'), [3, -4, 5, 1000])
})

jsonLines('a line across the pieces that a file is read in', async ({ read }) => {
  const long = Array.from({ length: 300_000 }, (_, i) => i % 10)
  const text = `{"x": [1]}\n${JSON.stringify({ x: long })}\n{"x": [2]}\n`
  const batches = await read(text, [spec('x', 'uint8', 'length')], 1)
  assert.equal(
    batches.map(({ tensors }) => tensors.x!.shape[1]),
    [1, 300_000, 1],
  )
  assert.equal(column([batches[1]!], 'x'), long)
})

jsonLines('what a line lacks or gets wrong is told with its number', async ({ read }) => {
  const good = '{"x": [1, 2]}\n\n'
  const wrong = async (code: string, line: string, input: TensorSpec, message: string) => {
    const error = await refuses(code, read(good + line, [input]))
    assert.match(error.message, message)
    assert.match(error.message, 'line 3')
  }
  const x = spec('x', 'float32', 2)
  await wrong('source.bad-line', '{"x": [1, 2]', x, 'is not JSON')
  await wrong('source.bad-line', '{"x": [1, NaN]}', x, 'NaN and Infinity are not JSON')
  await wrong('source.bad-line', '[1, 2]', x, 'no object')
  await wrong('source.column-missing', '{"X": [1, 2]}', x, 'rename X')
  await wrong('source.shape', '{"x": [1, 2, 3]}', x, 'shape [3]')
  await wrong('source.shape', '{"x": [[1, 2], [3]]}', spec('x', 'float32', 'a'), 'differ in length')
  await wrong('source.shape', '{"x": [[1], 2]}', spec('x', 'float32', 'a'), 'differ in length')
  await wrong('source.missing-value', '{"x": [1, null]}', x, 'x is null')
  await wrong('source.dtype', '{"x": [1, "2"]}', x, 'found "2"')
  await wrong('source.dtype', '{"x": [1, 256]}', spec('x', 'uint8', 2), 'found 256')
  await wrong('source.dtype', '{"x": [1, 0.5]}', spec('x', 'int32', 2), 'found 0.5')
  await wrong('source.dtype', '{"x": [1, 9007199254740993]}', spec('x', 'int64', 2), 'int64')
  await wrong('source.dtype', '{"x": [1, "18446744073709551616"]}', spec('x', 'uint64', 2), 'uint64')
})

jsonLines('a float that overflows is not finite', async ({ read }) => {
  const text = '{"x": 1}\n{"x": 1}\n{"x": 1e39}\n'
  assert.match((await refuses('source.not-finite', read(text, [spec('x', 'float32')]))).message, 'row 2 of x')
})

jsonLines('an empty file is refused, and bfloat16', async ({ read }) => {
  await refuses('source.empty', read('', [spec('x', 'float32')]))
  await refuses('source.empty', read('\n \n', [spec('x', 'float32')]))
  await refuses('source.dtype', read('{"x": 1}', [spec('x', 'bfloat16')]))
})

jsonLines.run()
