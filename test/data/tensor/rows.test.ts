import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../runtime/base/index.ts'
import {
  commonRowCount,
  concatRows,
  rowCount,
  sliceRows,
  stringsOf,
  tensorOf,
  typedArrayOf,
} from '../../../runtime/data/tensor/index.ts'
import { refusesSync } from '../refusal.ts'

test('rows are views of the same memory', () => {
  const tensor = tensorOf(
    Float32Array.from({ length: 24 }, (_, i) => i),
    [4, 3, 2],
  )
  const rows = sliceRows(tensor, 1, 3)
  assert.equal(rows.shape, [2, 3, 2])
  assert.equal([...typedArrayOf(rows)], [6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17])
  assert.is(rows.data.buffer, tensor.data.buffer)
})

test('string rows are found by walking them', () => {
  const tensor = tensorOf(['a', 'bb', '', 'dddd', 'e', 'ff'], [3, 2])
  assert.equal(stringsOf(sliceRows(tensor, 1, 3)), ['', 'dddd', 'e', 'ff'])
  assert.equal(stringsOf(sliceRows(tensor, 2, 2)), [])
})

test('cutting anywhere and joining again gives the same tensor', () => {
  const random = seededRandom(7)
  for (let round = 0; round < 50; round++) {
    const rows = 1 + Math.floor(random.float() * 20)
    const whole =
      round % 2 === 0
        ? tensorOf(new Uint16Array(random.bytes(rows * 6).buffer), [rows, 3])
        : tensorOf(
            Array.from({ length: rows * 2 }, () => 'x'.repeat(random.float() * 9)),
            [rows, 2],
          )
    const [a, b] = [Math.floor(random.float() * (rows + 1)), Math.floor(random.float() * (rows + 1))].sort(
      (x, y) => x - y,
    )
    const joined = concatRows([sliceRows(whole, 0, a!), sliceRows(whole, a!, b!), sliceRows(whole, b!, rows)])
    assert.equal(joined, { ...whole, data: new Uint8Array(whole.data) })
  }
})

test('an empty batch and rows without elements have rows all the same', () => {
  const empty = tensorOf(new Float32Array(), [0, 3])
  assert.is(rowCount(empty), 0)
  assert.equal(sliceRows(empty, 0, 0).shape, [0, 3])
  assert.equal(sliceRows(tensorOf(new Float32Array(), [5, 0]), 1, 4).shape, [3, 0])
  assert.is(concatRows([empty]), empty)
})

test('what has no rows, or not these, is refused with its code', () => {
  const pair = tensorOf(Float32Array.of(1, 2))
  refusesSync('tensor.shape', () => rowCount(tensorOf(Float32Array.of(1), [])))
  refusesSync('tensor.range', () => sliceRows(pair, 0, 3))
  refusesSync('tensor.range', () => sliceRows(pair, 2, 1))
  refusesSync('tensor.range', () => sliceRows(pair, 0.5, 1))
  refusesSync('tensor.shape', () => concatRows([]))
  refusesSync('tensor.dtype', () => concatRows([pair, tensorOf(Int32Array.of(1))]))
  refusesSync('tensor.shape', () => concatRows([pair, tensorOf(Float32Array.of(1, 2), [1, 2])]))
  refusesSync('tensor.shape', () => commonRowCount({ a: pair, b: tensorOf(Float32Array.of(1)) }))
  refusesSync('tensor.shape', () => commonRowCount({}))
  assert.is(commonRowCount({ a: pair, b: tensorOf(['x', 'y']) }), 2)
})

test.run()
