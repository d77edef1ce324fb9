import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AividaError } from '../../../runtime/base/index.ts'
import { layoutOf, outerStep, sliceEnds } from '../../../runtime/compute/update/index.ts'
import { sampleUpdate } from './sample-updates.ts'

const test = suite('shared state')

const float32 = (name: string, shape: number[], role: 'parameter' | 'adapter' | 'statistic' | 'optimizer') =>
  ({ name, dtype: 'float32', shape, role }) as const

test('what is trained comes in the order of the state, then the statistics', () => {
  const state = [
    float32('mean', [3], 'statistic'),
    float32('w', [2, 3], 'parameter'),
    float32('w.m', [2, 3], 'optimizer'),
    float32('scale', [], 'parameter'),
    float32('a', [4, 1], 'adapter'),
  ]
  assert.equal(layoutOf({ state }), {
    tensors: [
      { name: 'w', shape: [2, 3], index: 1, offset: 0, length: 6 },
      { name: 'scale', shape: [], index: 3, offset: 6, length: 1 },
      { name: 'a', shape: [4, 1], index: 4, offset: 7, length: 4 },
      { name: 'mean', shape: [3], index: 0, offset: 11, length: 3 },
    ],
    length: 14,
    plain: 3,
  })
  const codeOf = (wrong: Parameters<typeof layoutOf>[0]['state']) => {
    try {
      layoutOf({ state: wrong })
    } catch (error) {
      return (error as AividaError).code
    }
    return undefined
  }
  assert.is(codeOf([state[0]!]), 'rounds.state')
  assert.is(codeOf([{ ...state[1]!, dtype: 'int64' }]), 'rounds.state')
})

test('slices are cut at chunks, as long as each other within one, the statistics in the last', () => {
  assert.equal(sliceEnds(235_146, 0, 4), [14 * 4_096, 29 * 4_096, 43 * 4_096, 235_146])
  assert.equal(sliceEnds(235_146, 0, 1), [235_146])
  assert.equal(sliceEnds(10_000, 100, 8), [4_096, 8_192, 10_000])
  assert.equal(sliceEnds(100, 90, 8), [100])
  assert.equal(sliceEnds(8_192 + 5, 5, 2), [4_096, 8_197])
  for (let slices = 1; slices <= 64; slices++) {
    const ends = sliceEnds(1_000_000, 1_000, slices)
    assert.is(ends.length, slices)
    assert.is(ends.at(-1), 1_000_000)
    const lengths = ends.map((end, i) => end - (ends[i - 1] ?? 0))
    assert.ok(Math.max(...lengths) - Math.min(...lengths) <= 2 * 4_096, `${lengths}`)
  }
})

test('the outer step is Nesterov momentum in f32, and statistics move as told', () => {
  const outer = { rate: 0.9, momentum: 0.3 }
  const [theta, momentum] = [sampleUpdate(1_000, 1), new Float32Array(1_000)]
  const before = Float32Array.from(theta)
  const { fround } = Math
  const m = new Float32Array(1_000)
  const expected = Float32Array.from(theta)
  for (let round = 0; round < 3; round++) {
    const update = sampleUpdate(1_000, 2 + round)
    outerStep(theta, momentum, update, outer, 10)
    for (let i = 0; i < 990; i++) {
      m[i] = fround(fround(fround(0.3) * m[i]!) + update[i]!)
      expected[i] = expected[i]! - fround(fround(0.9) * fround(update[i]! + fround(fround(0.3) * m[i]!)))
    }
    for (let i = 990; i < 1_000; i++) expected[i] = expected[i]! - update[i]!
  }
  assert.equal(theta, expected)
  assert.equal(momentum, m)
  assert.not.equal(theta, before)
})

test('rate 1 without momentum is the mean of the replicas', () => {
  const theta = Float32Array.of(1, 2, 3)
  outerStep(theta, new Float32Array(3), Float32Array.of(0.5, 0, -1), { rate: 1, momentum: 0 })
  assert.equal([...theta], [0.5, 2, 4])
})

test.run()
