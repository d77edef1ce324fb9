import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  alphabetOf,
  decodeText,
  encodeText,
  memoryTable,
  roomFor,
  windowsOf,
} from '../../../runtime/data/rows/index.ts'
import { type NamedTensors, tensorOf, typedArrayOf } from '../../../runtime/data/tensor/index.ts'
import { refuses, refusesSync } from '../refusal.ts'

const ROWS = {
  x: tensorOf(
    Float32Array.from({ length: 20 }, (_, i) => i),
    [5, 2, 2],
  ),
  y: tensorOf(Uint8Array.of(10, 11, 12, 13, 14)),
  z: tensorOf(BigInt64Array.of(0n, 1n, 2n, 3n, 4n), [5]),
}
const numbers = (tensors: NamedTensors, name: string) => [...typedArrayOf(tensors[name]!)].map(Number)

const tables = suite('row tables')

tables('rows in any order, any number of times', async () => {
  const table = memoryTable(ROWS, { symbols: { y: ['a'] } })
  assert.equal(table.length, 5)
  assert.equal(table.columns[1], { name: 'y', dtype: 'uint8', shape: [], symbols: ['a'] })
  const batch = await table.gather([4, 0, 1, 2, 0])
  assert.equal(batch.x!.shape, [5, 2, 2])
  assert.equal(numbers(batch, 'x'), [16, 17, 18, 19, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3])
  assert.equal(numbers(batch, 'y'), [14, 10, 11, 12, 10])
  assert.equal(numbers(batch, 'z'), [4, 0, 1, 2, 0])
})

tables('into memory that is used again', async () => {
  const table = memoryTable(ROWS)
  const room = roomFor(table.columns, 3)
  const full = await table.gather(Float64Array.of(3, 2, 1), room)
  assert.is(full.x!.data.buffer, room.x!.data.buffer)
  const last = await table.gather([4], room)
  assert.equal(
    [last.x!.shape, numbers(last, 'x')],
    [
      [1, 2, 2],
      [16, 17, 18, 19],
    ],
  )
  assert.equal(numbers(room, 'y'), [14, 12, 11], 'what lies behind them stays')
  await refuses('rows.room', table.gather([0, 1, 2, 3], room))
  await refuses('rows.room', table.gather([0], { x: room.x!, y: room.y! }))
  await refuses('rows.room', table.gather([0], { ...room, y: room.x! }))
})

tables('rows that are not there, columns that cannot be', async () => {
  const table = memoryTable(ROWS)
  for (const row of [-1, 5, 0.5, Number.NaN]) await refuses('rows.range', table.gather([0, row]))
  refusesSync('rows.columns', () => memoryTable({ words: tensorOf(['a', 'b']) }))
  refusesSync('rows.columns', () => memoryTable({}))
  refusesSync('tensor.shape', () => memoryTable({ x: tensorOf(Uint8Array.of(1)), y: tensorOf(Uint8Array.of(1, 2)) }))
})

tables('equal content is known by equal identities', () => {
  const { identity } = memoryTable(ROWS)
  assert.is(memoryTable({ ...ROWS }).identity, identity)
  assert.is.not(memoryTable({ ...ROWS, y: tensorOf(Uint8Array.of(10, 11, 12, 13, 15)) }).identity, identity)
  assert.is.not(memoryTable({ ...ROWS, w: ROWS.y }).identity, identity)
})

tables('windows of a sequence, side by side or apart', async () => {
  const sequence = tensorOf(Uint16Array.from({ length: 10 }, (_, i) => 100 + i))
  const every = windowsOf(sequence, { size: 4 })
  assert.equal(
    [every.length, every.storedBytes, every.columns],
    [7, 20, [{ name: 'tokens', dtype: 'uint16', shape: [4] }]],
  )
  assert.equal(
    numbers(await every.gather([6, 0, 1]), 'tokens'),
    [106, 107, 108, 109, 100, 101, 102, 103, 101, 102, 103, 104],
  )
  const apart = windowsOf(sequence, { name: 'ids', size: 4, stride: 3 })
  assert.is(apart.length, 3)
  assert.equal(numbers(await apart.gather([2, 1]), 'ids'), [106, 107, 108, 109, 103, 104, 105, 106])
  assert.is(windowsOf(sequence, { size: 10 }).length, 1)
  assert.equal(numbers(await windowsOf(sequence, { size: 1 }).gather([3, 9]), 'tokens'), [103, 109])
  const bytes = windowsOf(tensorOf(Uint8Array.of(1, 2, 3)), { size: 1, stride: 2 })
  assert.equal(numbers(await bytes.gather([1, 0]), 'tokens'), [3, 1])
  for (const init of [{ size: 11 }, { size: 0 }, { size: 2, stride: 0 }, { size: 1.5 }])
    refusesSync('rows.window', () => windowsOf(sequence, init))
  refusesSync('rows.window', () => windowsOf(tensorOf(Uint8Array.of(1, 2), [2, 1]), { size: 1 }))
})

tables('a text as places in its alphabet', () => {
  const text = 'Öl ist b𝔸d.\n'
  const alphabet = alphabetOf(text)
  assert.equal(alphabet, ['\n', ' ', '.', 'b', 'd', 'i', 'l', 's', 't', 'Ö', '𝔸'])
  const ids = encodeText(text, alphabet)
  assert.equal([ids.dtype, ids.shape], ['uint8', [12]])
  assert.is(decodeText(typedArrayOf(ids) as Uint8Array, alphabet), text)
  assert.is(decodeText([0, 99], ['a']), 'a\ufffd')
  assert.is(refusesSync('rows.symbol', () => encodeText('bx', alphabet)).facts.at, 1)
  const many = Array.from({ length: 300 }, (_, i) => String.fromCodePoint(0x4e00 + i))
  assert.equal([encodeText(many.join(''), many).dtype, alphabetOf(many.join('')).length], ['uint16', 300])
})

tables.run()
