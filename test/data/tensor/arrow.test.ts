import { type RecordBatch, tableFromIPC } from 'apache-arrow'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { arrowFile, fromTensorBatch, toRowBatch, toTensorBatch } from '../../../runtime/data/tensor/arrow.ts'
import { decodeTensors, encodeTensors, type NamedTensors, tensorOf } from '../../../runtime/data/tensor/index.ts'
import { refusesSync } from '../refusal.ts'

const TENSORS: NamedTensors = {
  bf: tensorOf(Uint16Array.of(0x3f80, 2, 3), [3], 'bfloat16'),
  flags: tensorOf(Uint8Array.of(1, 0, 1, 1, 0, 1), [3, 2], 'bool'),
  half: tensorOf(Float16Array.of(1, 2.5, 3)),
  ids: tensorOf(BigInt64Array.of(1n, -2n, 3n)),
  pixels: tensorOf(
    Uint8Array.from({ length: 24 }, (_, i) => i),
    [3, 2, 4],
  ),
  text: tensorOf(['a', 'größe', '']),
  words: tensorOf(['a', 'b', 'c', 'd', 'e', 'f'], [3, 2]),
}
const plain = (tensors: NamedTensors) =>
  Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, { ...t, data: new Uint8Array(t.data) }]))
const fileBytes = async (...batches: RecordBatch[]) => Buffer.concat(await Array.fromAsync(arrowFile(batches)))

test('a batch of tensors goes through an Arrow file and back', async () => {
  const table = tableFromIPC(await fileBytes(toTensorBatch(TENSORS)))
  assert.is(table.numRows, 7)
  assert.is(table.schema.metadata.get('aivida'), 'tensors/1')
  assert.equal(plain(fromTensorBatch(table.batches[0]!)), plain(TENSORS))
})

test('received tensors become a batch over the same memory', () => {
  const bytes = new Uint8Array(Buffer.concat(encodeTensors(TENSORS)))
  const batch = toTensorBatch(decodeTensors(bytes))
  assert.is(batch.getChild('data')!.data[0]!.values.buffer, bytes.buffer)
  for (const { data } of Object.values(fromTensorBatch(batch))) assert.is(data.buffer, bytes.buffer)
})

test('bytes that happen to lie behind a tensor do not get into its batch', () => {
  const memory = Uint8Array.from({ length: 128 }, () => 7)
  const batch = toTensorBatch({ x: { dtype: 'uint8', shape: [3], data: memory.subarray(0, 3) } })
  assert.equal([...(batch.getChild('data')!.get(0) as Uint8Array)], [7, 7, 7, ...Array(61).fill(0)])
})

test('rows become a table: numbers by column, rows of higher rank as fixed-shape tensors', async () => {
  const table = tableFromIPC(await fileBytes(toRowBatch(TENSORS), toRowBatch(TENSORS)))
  assert.is(table.numRows, 6)
  const row = table.get(4)!.toJSON()
  assert.equal([...row.flags], [true, true])
  assert.is(row.half, 2.5)
  assert.is(row.ids, -2n)
  assert.equal([...row.pixels], [8, 9, 10, 11, 12, 13, 14, 15])
  assert.is(row.text, 'größe')
  assert.equal([...row.words], ['c', 'd'])
  const { metadata } = table.schema.fields.find(({ name }) => name === 'pixels')!
  assert.is(metadata.get('ARROW:extension:name'), 'arrow.fixed_shape_tensor')
  assert.is(metadata.get('ARROW:extension:metadata'), '{"shape":[2,4]}')
})

test('a table of rows is over the memory of its tensors', () => {
  const values = Float32Array.of(1, 2, 3, 4)
  const batch = toRowBatch({ x: tensorOf(values, [2, 2]) })
  assert.is(batch.getChild('x')!.data[0]!.children[0]!.values.buffer, values.buffer)
})

test('no tensors, no rows and no elements are batches too', async () => {
  assert.equal(fromTensorBatch(toTensorBatch({})), {})
  assert.is(toRowBatch({ x: tensorOf(new Float32Array(), [0, 3]) }).numRows, 0)
  assert.is(toRowBatch({ x: tensorOf(new Float32Array(), [2, 0]) }).numRows, 2)
})

test('what is not such a batch, or has no common rows, is refused', () => {
  refusesSync('tensor.malformed', () => fromTensorBatch(toRowBatch(TENSORS)))
  refusesSync('tensor.shape', () => toRowBatch({ x: tensorOf(Float32Array.of(1), []) }))
  refusesSync('tensor.shape', () => toRowBatch({ x: tensorOf(Float32Array.of(1)), y: tensorOf(Float32Array.of(1, 2)) }))
})

test.run()
