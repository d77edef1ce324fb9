import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../runtime/base/index.ts'
import { RangeDecoder, RangeEncoder } from '../../../runtime/compute/update/range-coder.ts'
import { SymbolTable } from '../../../runtime/compute/update/symbol-table.ts'

const test = suite('range coder')

test('symbols come back, in about as many bits as they are rare, whatever their frequencies', () => {
  const random = seededRandom(3)
  for (let round = 0; round < 60; round++) {
    const skew = 10 * random.float()
    const size = 2 + Math.floor(29 * random.float())
    const count = 1 + Math.floor(8_000 * random.float() ** 3)
    const codes = Uint8Array.from({ length: count }, () => Math.floor(size * random.float() ** (1 + skew)))
    const { bytes, decoded, isAtEnd } = roundTrip(codes, size)
    assert.equal(decoded, codes)
    assert.ok(isAtEnd)
    const entropy = entropyOf(codes)
    assert.ok(bytes.byteLength <= entropy / 8 + 0.004 * count + 2 * size + 6, `${bytes.byteLength} for ${entropy / 8}`)
  }
})

test('carries go through as many 255 as there are', () => {
  // the last symbol, ever so rare, drives the bottom of the range up to the next carry
  for (const rare of [1, 2, 3])
    for (let count = 1; count < 400; count++) {
      const codes = new Uint8Array(count).fill(1)
      for (let i = 0; i < rare; i++) codes[count - 1 - i * 7] = i % 2 === 0 ? 0 : 2
      assert.equal(roundTrip(codes, 3).decoded, codes)
    }
})

test('one symbol alone takes its table and next to nothing', () => {
  assert.is(roundTrip(new Uint8Array(5_000), 31).bytes.byteLength, 2)
  assert.is(roundTrip(new Uint8Array(5_000).fill(30), 31).bytes.byteLength, 62)
})

test.run()

function roundTrip(codes: Uint8Array, size: number) {
  const room = new Uint8Array(2 * codes.length + SymbolTable.largestBytes(size) + 8)
  const table = SymbolTable.of(codes, size)
  const encoder = new RangeEncoder(room, table.write(room, 0))
  for (const code of codes) encoder.write(table.starts[code]!, table.starts[code + 1]! - table.starts[code]!)
  const bytes = room.slice(0, encoder.end())
  const read = SymbolTable.read(bytes, 0, size)
  const { starts, symbols } = read.table
  const decoder = new RangeDecoder(bytes, read.end)
  const decoded = codes.map(() => {
    const symbol = symbols[decoder.place()]!
    decoder.take(starts[symbol]!, starts[symbol + 1]! - starts[symbol]!)
    return symbol
  })
  return { bytes, decoded, isAtEnd: decoder.isAtEnd() }
}

/** Bits. */
function entropyOf(codes: Uint8Array): number {
  const counts = new Map<number, number>()
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1)
  return [...counts.values()].reduce((sum, count) => sum - count * Math.log2(count / codes.length), 0)
}
