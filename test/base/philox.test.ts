import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { philox } from '../../runtime/base/philox.ts'

test('words are those of the published test vectors', () => {
  // Random123 1.14, tests/kat_vectors: philox4x32 10, counter and key of zeros.
  const words = new Uint32Array(4)
  philox(words, [0, 0])
  assert.equal(Array.from(words), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8])
})

test('any part of a sequence can be had by itself', () => {
  const [all, part, other] = [new Uint32Array(22), new Uint32Array(10), new Uint32Array(22)]
  philox(all, [7, 9])
  philox(part, [7, 9], 3)
  assert.equal(Array.from(part), Array.from(all.subarray(12)))
  philox(other, [7, 9], 0, 1)
  assert.not.equal(other, all)
})

test.run()
