import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256 } from '../../../runtime/base/index.ts'
import { maskOf } from '../../../runtime/compute/training/index.ts'

const test = suite('masks')

const mask = { seed: 1, step: 0, name: 'dropout', shape: [100, 101], keep: 0.9 }

test('a mask is the same on every machine, by its hash', () => {
  const { dtype, shape, data } = maskOf(mask)
  assert.equal([dtype, shape], ['uint8', [100, 101]])
  assert.is(sha256(data), '69f2285df96182e742dd1599beae403fcf4469ea147fcde3d829d6c9243f523f')
})

test('as many are ones as are to be kept, in every part of it', () => {
  for (const keep of [0, 0.1, 0.5, 0.9, 1]) {
    const { data } = maskOf({ ...mask, shape: [1_000_000], keep })
    for (const part of [data.subarray(0, 500_000), data.subarray(500_000)]) {
      const ones = part.reduce((sum, value) => sum + value, 0) / part.length
      assert.ok(Math.abs(ones - keep) < 0.003, `${ones} of ${keep}`)
    }
    assert.ok(data.every((value) => value <= 1))
  }
})

test('seed, step and name each give another mask, as alike as chance would have it', () => {
  const one = maskOf({ ...mask, keep: 0.5 }).data
  for (const other of [{ seed: 2 }, { step: 1 }, { name: 'dropout.1' }]) {
    const { data } = maskOf({ ...mask, keep: 0.5, ...other })
    const same = data.filter((value, i) => value === one[i]).length / data.length
    assert.ok(Math.abs(same - 0.5) < 0.03, `${same}`)
  }
})

test.run()
