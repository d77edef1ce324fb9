import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AividaError, isAividaError, sha256 } from '../../../runtime/base/index.ts'
import {
  type AggregateInit,
  aggregate,
  checkAggregation,
  compressorOf,
  decodeUpdate,
  encodeUpdate,
} from '../../../runtime/compute/update/index.ts'
import type { Aggregation, Compression } from '../../../runtime/protocol/index.ts'
import { sampleUpdate } from './sample-updates.ts'

const test = suite('aggregate')

const LENGTH = 5_003
const PLAIN = 3
const F32: Compression = { kind: 'f32' }
const Q2: Compression = { kind: 'q2' }

test('the mean counts weights, in f32, in the order of the contributions', () => {
  const weights = [3, 1, 2.5]
  const { contributions, updates } = contributed(Q2, 3, weights)
  const { update, residual } = aggregate({ ...SLICE, contributions, compressed: Q2, compression: F32 })
  const expected = new Float32Array(LENGTH)
  for (const [member, values] of updates.entries())
    for (let i = 0; i < LENGTH; i++)
      expected[i] = Math.fround(expected[i]! + Math.fround(Math.fround(weights[member]! / 6.5) * values[i]!))
  assert.equal(decoded(F32, update), expected)
  assert.is(residual, undefined)
})

test('robust rules are what sorting each coordinate gives, weights aside', () => {
  for (const members of [3, 4, 5, 8]) {
    const { contributions, updates } = contributed(Q2, members)
    for (const aggregation of [{ rule: 'median' }, { rule: 'trimmed-mean', trim: 1 }] as const) {
      const { update } = aggregate({ ...SLICE, aggregation, contributions, compressed: Q2, compression: F32 })
      const expected = Float32Array.from({ length: LENGTH }, (_, i) => {
        const sorted = updates.map((values) => values[i]!).sort((a, b) => a - b)
        const kept = aggregation.rule === 'median' ? middle(sorted) : sorted.slice(1, -1)
        return kept.reduce((sum, value) => sum + value, 0) / kept.length
      })
      const worst = decoded(F32, update).reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0)
      assert.ok(worst < 1e-8, `${aggregation.rule} of ${members}: ${worst}`)
    }
  }
})

test('one member of eight that sends anything moves a robust rule no further than the others are apart', () => {
  const { contributions, updates } = contributed(F32, 8)
  const wild = Float32Array.from(updates[7]!, (value) => -1e6 * value - 5)
  const attacked = [
    ...contributions.slice(0, 7),
    { member: 7, weight: 1, bytes: encodeUpdate(compressorOf(F32), wild, PLAIN) },
  ]
  for (const aggregation of [{ rule: 'median' }, { rule: 'trimmed-mean', trim: 1 }] as const) {
    const { update } = aggregate({ ...SLICE, aggregation, contributions: attacked, compressed: F32, compression: F32 })
    for (const [i, value] of decoded(F32, update).entries()) {
      const honest = updates.slice(0, 7).map((values) => values[i]!)
      assert.ok(value >= Math.min(...honest) && value <= Math.max(...honest), `${aggregation.rule} at ${i}: ${value}`)
    }
  }
  const { update } = aggregate({ ...SLICE, contributions: attacked, compressed: F32, compression: F32 })
  assert.ok(
    decoded(F32, update).some((value) => Math.abs(value) > 0.5),
    'the mean does not',
  )
})

test('what compression left over is added to the next aggregate; the one given is not changed', () => {
  const { contributions } = contributed(Q2, 4)
  const slice = { ...SLICE, contributions, compressed: Q2, compression: Q2 }
  const mean = decoded(F32, aggregate({ ...slice, compression: F32 }).update)
  const first = aggregate(slice)
  const kept = Float32Array.from(first.residual!)
  const second = aggregate({ ...slice, residual: first.residual })
  assert.equal(first.residual, kept)
  assert.is(first.residual!.length, LENGTH - PLAIN)
  const [one, two] = [decoded(Q2, first.update), decoded(Q2, second.update)]
  for (let i = 0; i < LENGTH - PLAIN; i++)
    assert.ok(Math.abs(one[i]! + two[i]! + second.residual![i]! - 2 * mean[i]!) < 1e-7)
  assert.equal(one.subarray(LENGTH - PLAIN), mean.subarray(LENGTH - PLAIN), 'statistics as they are')
})

test('its bytes are the same on every machine, by their hash', () => {
  const { contributions } = contributed(Q2, 5, [1, 2, 3, 4, 5])
  const rules: Aggregation[] = [{ rule: 'mean' }, { rule: 'trimmed-mean', trim: 1 }, { rule: 'median' }]
  const digests = rules.map((aggregation) => {
    const { update, residual } = aggregate({ ...SLICE, aggregation, contributions, compressed: Q2, compression: Q2 })
    return [sha256(update).slice(0, 16), sha256(new Uint8Array(residual!.buffer)).slice(0, 16)]
  })
  assert.equal(digests, [
    ['e19e1e4eee4b9b8d', 'bee6f811aa21e234'],
    ['d8fb84d537d724f4', '4e9face72eea6332'],
    ['b89d5b17dc376a13', '74c8c7d4b625189d'],
  ])
})

test('a contribution that is malformed or not finite is told by its member', () => {
  const { contributions } = contributed(Q2, 3)
  const infinite = Uint8Array.from(contributions[1]!.bytes)
  infinite[1] = 0x7f
  infinite[0] = 0x80
  const short = contributions[1]!.bytes.subarray(3)
  const statistic = Uint8Array.from(contributions[1]!.bytes)
  statistic.fill(0xff, statistic.byteLength - 4)
  for (const bytes of [infinite, short, statistic, new Uint8Array()]) {
    const wrong = [contributions[0]!, { ...contributions[1]!, member: 17, bytes }, contributions[2]!]
    for (const aggregation of [{ rule: 'mean' }, { rule: 'median' }] as const)
      try {
        aggregate({ ...SLICE, aggregation, contributions: wrong, compressed: Q2, compression: Q2 })
        assert.unreachable()
      } catch (error) {
        assert.ok(isAividaError(error, 'update.contribution'))
        assert.is(error.facts.member, 17)
        assert.match(error.message, /^member 17: expected/)
        assert.is(error.category, 'peer')
      }
  }
})

test('a member whose values no aggregate could be made of is named, whatever it is compressed by', () => {
  const { contributions } = contributed(F32, 3)
  const bytes = encodeUpdate(compressorOf(F32), new Float32Array(LENGTH).fill(2 ** 120), PLAIN)
  const huge = [contributions[0]!, { ...contributions[1]!, member: 17, bytes }, contributions[2]!]
  for (const kind of ['f32', 'i8', 'i4', 'q2', 's1', 'ec', 'topk'])
    assert.throws(
      () => aggregate({ ...SLICE, contributions: huge, compressed: F32, compression: { kind } }),
      (error: AividaError) => error.code === 'update.contribution' && error.facts.member === 17,
      kind,
    )
  const large = encodeUpdate(compressorOf(F32), new Float32Array(LENGTH).fill(2 ** 100), PLAIN)
  const slice = { ...SLICE, contributions: [{ member: 0, weight: 1, bytes: large }], compressed: F32 }
  for (const kind of ['f32', 'i8', 'i4', 'q2', 's1', 'ec', 'topk'])
    decoded({ kind }, aggregate({ ...slice, compression: { kind } }).update)
})

test('lengths that cannot be are told before room is made for them', () => {
  const slice = { ...SLICE, contributions: [{ member: 3, weight: 1, bytes: new Uint8Array(8) }], compression: F32 }
  const refused = (changes: Partial<AggregateInit>, code: string) =>
    assert.throws(
      () => aggregate({ ...slice, compressed: F32, ...changes }),
      (error: AividaError) => error.code === code,
      JSON.stringify(changes),
    )
  refused({ length: 2 ** 33, plain: 0 }, 'update.length')
  refused({ length: 2 ** 31, plain: 0 }, 'update.length')
  refused({ length: 2, plain: 3 }, 'update.length')
  refused({ length: 2, plain: 0, residual: new Float32Array(1) }, 'update.length')
  for (const kind of ['f32', 'i8', 'i4', 'q2', 's1', 'ec', 'topk'])
    refused({ length: 2 ** 29, plain: 0, compressed: { kind } }, 'update.contribution')
})

test('a rule that cannot be used is told, with why', () => {
  assert.is(codeOf({ rule: 'median' }, { kind: 'topk' }, 8), 'aggregation.sparse')
  assert.is(codeOf({ rule: 'trimmed-mean', trim: 1 }, { kind: 'topk' }, 8), 'aggregation.sparse')
  assert.is(codeOf({ rule: 'median' }, { kind: 'ec' }, 8), 'aggregation.sparse')
  assert.is(codeOf({ rule: 'median' }, { kind: 'ec', step: 0.25 }, 8), undefined)
  assert.is(codeOf({ rule: 'trimmed-mean', trim: 2 }, Q2, 4), 'aggregation.trim')
  assert.is(codeOf({ rule: 'trimmed-mean', trim: 2 }, Q2, 5), undefined)
  assert.is(codeOf({ rule: 'mean' }, { kind: 'topk' }, 1), undefined)
  const { contributions } = contributed(Q2, 2)
  const aggregation = { rule: 'trimmed-mean', trim: 1 } as const
  assert.throws(
    () => aggregate({ ...SLICE, aggregation, contributions, compressed: Q2, compression: Q2 }),
    (error: AividaError) => error.code === 'aggregation.trim',
  )
})

const SLICE = { aggregation: { rule: 'mean' }, length: LENGTH, plain: PLAIN } as const satisfies Partial<AggregateInit>

/** Contributions, and what they stand for. */
function contributed(compression: Compression, members: number, weights: readonly number[] = []) {
  const contributions = Array.from({ length: members }, (_, member) => ({
    member,
    bytes: encodeUpdate(compressorOf(compression), sampleUpdate(LENGTH, member + 1), PLAIN),
    weight: weights[member] ?? 1,
  }))
  return { contributions, updates: contributions.map(({ bytes }) => decoded(compression, bytes)) }
}

function decoded(compression: Compression, bytes: Uint8Array): Float32Array {
  const into = new Float32Array(LENGTH)
  decodeUpdate(compressorOf(compression), bytes, PLAIN, into)
  return into
}

function middle(sorted: readonly number[]): number[] {
  return [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!]
}

function codeOf(...args: Parameters<typeof checkAggregation>): string | undefined {
  try {
    checkAggregation(...args)
  } catch (error) {
    return (error as AividaError).code
  }
  return undefined
}

test.run()
