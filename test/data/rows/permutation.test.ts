import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { permutation } from '../../../runtime/data/rows/index.ts'
import { refusesSync } from '../refusal.ts'

const all = (seed: number, epoch: number, length: number) => {
  const order = permutation({ seed, epoch, length })
  return Array.from({ length }, (_, i) => order.at(i))
}

const permutations = suite('permutation')

permutations('each number comes once, whatever the length', () => {
  for (const length of [0, 1, 2, 3, 4, 5, 9, 10, 99, 100, 101, 1_000, 60_000]) {
    const seen = new Uint8Array(length)
    for (const row of all(7, 0, length)) seen[row]!++
    assert.ok(
      seen.every((times) => times === 1),
      `length ${length}`,
    )
  }
})

permutations('of seed and epoch alone: the same on every machine and in every version', () => {
  assert.equal(all(1, 0, 10), [8, 7, 3, 4, 5, 2, 1, 6, 9, 0])
  assert.equal(all(1, 1, 10), [5, 4, 9, 2, 7, 8, 6, 1, 3, 0])
  const large = permutation({ seed: 2 ** 53 - 1, epoch: 3, length: 2 ** 53 - 1 })
  assert.equal(
    [0, 1, 2].map((i) => large.at(i)),
    [1746758447910199, 3338524364528046, 179042619797826],
  )
})

permutations('every order of a few numbers comes about as often', () => {
  const times = new Map<string, number>()
  const runs = 6_000
  for (let seed = 0; seed < runs; seed++) {
    const order = `${all(seed, 5, 4)}`
    times.set(order, (times.get(order) ?? 0) + 1)
  }
  assert.ok(chiSquare([...times.values()], 24) < 49.7, 'p > 0.001 of 23 degrees of freedom')
})

permutations('any number may come at any place, and after any other', () => {
  const length = 60
  const places = new Uint32Array(length * length)
  const steps = new Uint32Array(length * length)
  for (let epoch = 0; epoch < 2_000; epoch++) {
    const order = all(3, epoch, length)
    for (const [i, row] of order.entries()) {
      places[i * length + row]!++
      if (i > 0) steps[order[i - 1]! * length + row]!++
    }
  }
  const degrees = (length - 1) ** 2
  const bound = degrees + 4 * Math.sqrt(2 * degrees) // four standard deviations
  assert.ok(chiSquare(places, length * length) < bound)
  const pairs = steps.filter((_, at) => at % (length + 1) !== 0) // none follows itself
  assert.ok(chiSquare(pairs, pairs.length) < bound)
})

permutations('what it cannot be made of, or has no place for', () => {
  for (const seed of [-1, 0.5, Number.NaN, 2 ** 53])
    refusesSync('rows.seed', () => permutation({ seed, epoch: 0, length: 3 }))
  const order = permutation({ seed: 0, epoch: 0, length: 3 })
  for (const index of [-1, 3, 0.5, Number.NaN]) refusesSync('rows.range', () => order.at(index))
})

permutations.run()

function chiSquare(counts: ArrayLike<number>, cells: number): number {
  const values = Array.from(counts)
  const expected = values.reduce((sum, count) => sum + count, 0) / cells
  const missing = (cells - values.length) * expected
  return values.reduce((sum, count) => sum + (count - expected) ** 2 / expected, missing)
}
