import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { trimFairly } from '../../runtime/base/index.ts'

const mapOf = (owners: string) => new Map([...owners].map((owner, i) => [`${owner}${i}`, owner]))
const ownersIn = (map: Map<string, string>) => [...map.values()].join('')

test('nothing goes while there is room', () => {
  const map = mapOf('aab')
  trimFairly(map, 3, (owner) => owner)
  assert.is(ownersIn(map), 'aab')
})

test('whoever has most loses their oldest', () => {
  const map = mapOf('baaab')
  trimFairly(map, 4, (owner) => owner)
  assert.equal([...map.keys()], ['b0', 'a3', 'b4'])
})

test('there is room for the next ones, too, but nobody else pays for it', () => {
  const map = mapOf(`${'b'.repeat(600)}${'a'.repeat(500)}`)
  trimFairly(map, 1_000, (owner) => owner)
  assert.equal(ownersIn(map), `${'b'.repeat(490)}${'a'.repeat(500)}`)
  const alike = mapOf('abcdefghij'.repeat(200))
  trimFairly(alike, 1_999, (owner) => owner)
  assert.is(ownersIn(alike).replaceAll(/[^a]/g, '').length, 179)
  assert.is(alike.size, 1_979)
})

test.run()
