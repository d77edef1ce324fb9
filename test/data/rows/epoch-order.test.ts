import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import { blockwise } from '../../../runtime/data/rows/epoch-order.ts'
import { epochOrder, permutation, placesOf } from '../../../runtime/data/rows/index.ts'

const orders = suite('epoch order')

orders('a table that fits a window is shuffled as a whole', () => {
  const order = epochOrder({ length: 1_000, storedBytes: limit('shuffleWindowBytes') }, { seed: 4, epoch: 2 })
  const whole = permutation({ seed: 4, epoch: 2, length: 1_000 })
  assert.equal(placesOf(order, 0, 1_000), placesOf(whole, 0, 1_000))
})

orders('a larger one window by window, in which every row comes once, from few blocks', () => {
  const [length, blockRows, windowBlocks] = [10_007, 64, 8]
  for (const epoch of [0, 1, 2]) {
    const rows = [...placesOf(blockwise({ seed: 9, epoch, length }, blockRows, windowBlocks), 0, length)]
    assert.equal(
      rows.toSorted((a, b) => a - b),
      Array.from(rows.keys()),
    )
    for (let at = 0; at < length; at += blockRows * windowBlocks) {
      const window = rows.slice(at, at + blockRows * windowBlocks)
      const touched = new Set(window.map((row) => Math.floor(row / blockRows)))
      assert.ok(touched.size <= 2 * windowBlocks + 3, `${touched.size} blocks are read for a window of ${windowBlocks}`)
      const next = window.filter((row, i) => window[i + 1] === row + 1)
      assert.ok(next.length < window.length / 20, 'and they are mixed')
    }
  }
})

orders('epochs and seeds differ; the same ones give the same order, from any place on', () => {
  const table = { length: 5_000_000, storedBytes: 5e9 }
  const rows = (seed: number, epoch: number, from: number) =>
    placesOf(epochOrder(table, { seed, epoch }), from, from + 50)
  assert.equal(rows(1, 1, 3_000_000), rows(1, 1, 3_000_000))
  assert.equal([...rows(1, 1, 0).slice(0, 4)], [2321813, 3987741, 1545465, 759352], 'in every version')
  assert.not.equal(rows(1, 1, 0), rows(1, 2, 0))
  assert.not.equal(rows(1, 1, 0), rows(2, 1, 0))
  const order = epochOrder(table, { seed: 1, epoch: 1 })
  const later = placesOf(order, 4_000_000, 4_000_050)
  placesOf(order, 0, 50)
  assert.equal(placesOf(order, 4_000_000, 4_000_050), later, 'whatever was asked for before')
})

orders('rows larger than a block, fewer rows than a window', () => {
  for (const [length, storedBytes] of [
    [100, 200e6],
    [1, 200e6],
    [65, 65 * limit('shuffleBlockBytes')],
  ] as const) {
    const rows = placesOf(epochOrder({ length, storedBytes }, { seed: 0, epoch: 0 }), 0, length)
    assert.equal(
      rows.toSorted(),
      Float64Array.from({ length }, (_, i) => i),
    )
  }
})

orders.run()
