import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { countingParts, type RoundsOptions } from '../../../../runtime/job/programs/index.ts'
import type { RoundOutcome } from '../../../../runtime/protocol/index.ts'
import { assertExact } from './exactness.ts'
import { optionsOf, ref, VirtualRun, type Whim } from './virtual-run.ts'

const test = suite('training by rounds among liars')

const outcomes = (run: VirtualRun): RoundOutcome[] =>
  countingParts(run.journal.parts, run.journal.rounds).flatMap(({ round }) => round ?? [])
const named = (run: VirtualRun) =>
  outcomes(run).flatMap(({ excluded }) => excluded.map(({ peer, code }) => `${peer} ${code}`))
const reducers = (run: VirtualRun) => outcomes(run).map(({ aggregates }) => aggregates.map(({ at }) => at).join())

/** What `liar` reduces to is nothing that others can read. */
const unreadableOf =
  (...liars: string[]): Whim =>
  (spec, { peer }) => {
    if (spec.kind !== 'train') return undefined
    const held = spec.replica!.updates.flat().find(({ at }) => liars.includes(at) && at !== peer)
    return held && { code: 'update.aggregate', message: `${held.at} reduced slice 0 to nothing that can be read` }
  }

/** Who was taken to have failed in the newest run {@link among} members. */
const blamed = new Set<string>()

function among(count: number, whim: Whim, changes: Partial<RoundsOptions['request']['rounds']> = {}): VirtualRun {
  const run = new VirtualRun(
    optionsOf({ rounds: { workers: { min: count, max: count }, ...changes } }),
    Array(count).fill(10),
  )
  run.whim = whim
  for (let atMs = 1_000; atMs < 2_000; atMs += 5)
    run.at(atMs, () => {
      for (const [peer, { failuresInARow }] of run.state.standings) if (failuresInARow > 0) blamed.add(peer)
    })
  blamed.clear()
  run.run(run.nowMs + 600_000)
  return run
}

for (const count of [2, 3, 6])
  for (const aggregation of [{ rule: 'mean' }, { rule: 'trimmed-mean', trim: 1 }] as const)
    if (aggregation.rule === 'mean' || count > 2)
      test(`of ${count} (${aggregation.rule}), whoever reduces to what nobody can read is named, and others reduce`, () => {
        const run = among(count, unreadableOf('p0'), { aggregation })
        assert.equal(run.done, { ok: true })
        assertExact(run)
        assert.equal([...new Set(named(run))], ['p0 round.aggregate'])
        assert.not.ok(
          reducers(run)
            .slice(0, 6)
            .some((at) => at.includes('p0')),
        )
        const honest = Array.from({ length: count - 1 }, (_, i) => `p${i + 1}`)
        for (const { counted } of outcomes(run).slice(0, 4))
          assert.ok(
            honest.every((peer) => counted.some((each) => each.peer === peer)),
            'honest members count',
          )
        assert.equal([...blamed], [], 'nobody is blamed for what it could not read')
        assert.ok(run.placed.length < 60 * count, `${run.placed.length} shards`)
      })

test('several liars are found out one after the other', () => {
  const run = among(8, unreadableOf('p0', 'p3', 'p5'))
  assert.equal(run.done, { ok: true })
  assertExact(run)
  assert.equal(
    [...new Set(named(run))].sort(),
    ['p0', 'p3', 'p5'].map((peer) => `${peer} round.aggregate`),
  )
})

test('rounds on trial begin anew without whom nobody can read', () => {
  const options = optionsOf({ rounds: { sync: 'auto', recipe: {} }, training: { steps: 2_000 } })
  const run = new VirtualRun(options, [10, 10, 10])
  run.whim = unreadableOf('p0')
  run.run(run.nowMs + 600_000)
  assert.equal(run.done, { ok: true })
  assertExact(run)
})

test('whoever reduced the last round to what nobody can read is found out by its snapshot', () => {
  const run = among(3, (spec, { peer }) => {
    const isLast = spec.kind === 'train' && spec.steps === 0 && spec.replica!.position === 100
    if (!isLast || spec.replica!.updates.at(-1)?.[0]?.at !== 'p0') return undefined
    return peer === 'p0'
      ? { code: 'engine.crashed', message: 'no' }
      : { code: 'update.aggregate', message: 'p0 reduced slice 0 to nothing that can be read' }
  })
  assert.equal(run.done, { ok: true })
  assertExact(run)
  assert.equal(named(run), ['p0 round.aggregate'])
})

test('where nobody reduces to anything of use, the training ends and says so', () => {
  for (const count of [2, 3, 5]) {
    const run = among(count, unreadableOf('p0', 'p1', 'p2', 'p3', 'p4'))
    assert.is(run.done?.ok, false)
    assert.is(run.done?.ok === false && run.done.failures[0]?.code, 'update.aggregate')
    assert.ok(run.placed.length < 60 * count, `${run.placed.length} shards`)
  }
})

test('whoever alone says that it cannot read anything changes nothing for the others', () => {
  const run = among(4, (spec, { peer }) =>
    spec.kind === 'train' && peer === 'p2' && spec.replica!.updates.length > 0
      ? { code: 'update.aggregate', message: `${spec.replica!.updates[0]![0]!.at} reduced slice 0 to nothing` }
      : undefined,
  )
  assert.equal(run.done, { ok: true })
  assertExact(run)
  assert.not.ok(named(run).some((each) => each.endsWith('round.aggregate')))
  assert.ok(run.state.standings.get('p2')!.outUntil > 0, 'it is left out for a while')
})

test('of two that began with different states none is believed: they begin anew, and it ends where that does not help', () => {
  const options = optionsOf({ training: { steps: 200 } })
  const once = new VirtualRun(options, [10, 10])
  const lie = (peer: string, nowMs: () => number, from: number, until: number) => {
    return (receipt: Parameters<VirtualRun['disguise']>[0], member: { readonly peer: string }) =>
      member.peer === peer && receipt.commitments && nowMs() >= from && nowMs() < until
        ? { ...receipt, commitments: [ref('another').blob] }
        : receipt
  }
  once.disguise = lie('p0', () => once.nowMs, 1_150, 1_200)
  once.run(once.nowMs + 600_000)
  assert.equal(once.done, { ok: true })
  assertExact(once)
  assert.equal(named(once), [])
  const always = new VirtualRun(options, [10, 10])
  always.disguise = lie('p0', () => always.nowMs, 0, Number.POSITIVE_INFINITY)
  always.run(always.nowMs + 600_000)
  const { done } = always
  assert.is(done?.ok, false)
  assert.equal(done?.ok === false && done.failures.map(({ peer, code }) => `${peer} ${code}`).sort(), [
    'p0 replica.diverged',
    'p1 replica.diverged',
  ])
})

test('of two the word of one shuts nobody out: the other one reduces', () => {
  const run = among(2, (spec, { peer }) => {
    const other = spec.kind === 'reduce' && peer === 'p0' && spec.contributions.find(({ at }) => at !== 'p0')
    return other ? { code: 'update.contribution', message: `member ${other.member}: a scale is NaN` } : undefined
  })
  assert.equal(run.done, { ok: true })
  assertExact(run)
  assert.equal(named(run), [])
  assert.ok(
    outcomes(run)
      .slice(0, -1)
      .every(({ counted }) => counted.length === 2),
  )
  const asked = run.placed.filter(({ spec, peer }) => spec.kind === 'reduce' && peer === 'p0')
  assert.ok(asked.length <= 3, `asked ${asked.length} times`)
})

test('two that get nothing from each other go on in turn, and none is blamed', () => {
  const run = among(2, (spec, { peer }) => {
    const other = spec.kind === 'reduce' && spec.contributions.find(({ at }) => at !== peer)
    return other ? { code: 'update.contribution', message: `member ${other.member}: no link` } : undefined
  })
  assert.equal(run.done, { ok: true })
  assertExact(run)
  assert.equal(new Set(outcomes(run).flatMap(({ counted }) => counted.map(({ peer }) => peer))).size, 2)
  assert.equal([...blamed], [])
})

test('whoever always fails to reduce is asked last from then on', () => {
  const run = among(3, (spec, { peer }) =>
    spec.kind === 'reduce' && peer === 'p0' ? { code: 'engine.crashed', message: 'no' } : undefined,
  )
  assert.equal(run.done, { ok: true })
  assertExact(run)
  const asked = run.placed.filter(({ spec, peer }) => spec.kind === 'reduce' && peer === 'p0')
  assert.ok(asked.length <= 2, `asked ${asked.length} times in ${outcomes(run).length} rounds`)
})

test.run()
